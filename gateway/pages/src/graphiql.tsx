/** GraphiQL, with the examples in its tabs and the reader's credentials in its requests. */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./graphiql.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import type { FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { buildSchema } from "graphql";
import { useState } from "react";
import { createRoot } from "react-dom/client";

import { CopyMenu } from "./copy-menu";
import { basicHeaders, type HeaderMap, withCredentials } from "./credentials";
import { type GraphiQLData, readData } from "./data";
import { operationNameFor } from "./operation";
import { SignIn } from "./sign-in";
import { tabStorage } from "./storage";

const data = readData<GraphiQLData>();
// The documentation and completion work without credentials.
const schema = buildSchema(data.schema);
const plugins = [HISTORY_PLUGIN, explorerPlugin()];

/** The properties of GraphiQL that do not change while it is mounted. */
function initialProperties(credentials: HeaderMap) {
  const headers = JSON.stringify(credentials, null, 2);
  const tabs = data.examples.map(({ query, variables }) => ({
    query,
    variables: JSON.stringify(variables, null, 2),
    headers,
  }));
  return {
    defaultTabs: tabs,
    defaultHeaders: headers,
    // GraphiQL shows the query of the first tab, but not its variables.
    storage: tabStorage({ "graphiql:variables": tabs[0]!.variables }),
    async fetcher(request: FetcherParams, options?: FetcherOpts) {
      const response = await fetch("/graphql", {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          ...withCredentials(options?.headers ?? {}, credentials),
        },
        body: JSON.stringify({
          ...request,
          operationName: operationNameFor(request.query, request.operationName),
        }),
      });
      return response.json();
    },
  };
}

function Editor({ credentials }: { credentials: HeaderMap }) {
  const [initial] = useState(() => initialProperties(credentials));
  return (
    <GraphiQL
      {...initial}
      schema={schema}
      plugins={plugins}
      defaultEditorToolsVisibility="variables"
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>
        <a className="home" href="/">
          promo-gateway
        </a>
      </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <CopyMenu schema={schema} credentials={credentials} restPath={data.restPath} />
          </>
        )}
      </GraphiQL.Toolbar>
    </GraphiQL>
  );
}

function App() {
  // Only in memory: after a reload the page asks again.
  const [credentials, setCredentials] = useState(data.credentials && basicHeaders(data.credentials));
  return credentials ? <Editor credentials={credentials} /> : <SignIn onDone={setCredentials} />;
}

createRoot(document.getElementById("root")!).render(<App />);
