/** GraphiQL, with the examples in its tabs and whoever calls in its requests. */
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
import { type Headers, tillHeaders, withCredentials } from "./credentials";
import { type GraphiQLData, readData } from "./data";
import { neededName } from "./operation";
import { SignIn } from "./sign-in";
import { tabStorage } from "./storage";

const data = readData<GraphiQLData>();
// The documentation and completion work before anybody has signed in.
const schema = buildSchema(data.schema);
const plugins = [HISTORY_PLUGIN, explorerPlugin()];

/** What GraphiQL is given once, when it is mounted. */
function givenTo(credentials: Headers) {
  const headers = JSON.stringify(credentials, null, 2);
  const tabs = data.examples.map(({ query, variables }) => ({
    query,
    variables: JSON.stringify(variables, null, 2),
    headers,
  }));
  return {
    defaultTabs: tabs,
    defaultHeaders: headers,
    // Of the first tab GraphiQL shows the query by itself, but not the variables.
    storage: tabStorage({ "graphiql:variables": tabs[0]!.variables }),
    async fetcher(asked: FetcherParams, options?: FetcherOpts) {
      const response = await fetch("/graphql", {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          ...withCredentials(options?.headers ?? {}, credentials),
        },
        body: JSON.stringify({ ...asked, operationName: neededName(asked.query, asked.operationName) }),
      });
      return response.json();
    },
  };
}

function Editor({ credentials }: { credentials: Headers }) {
  const [given] = useState(() => givenTo(credentials));
  return (
    <GraphiQL
      {...given}
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
  // In memory only: a reload asks again.
  const [credentials, setCredentials] = useState(data.till && tillHeaders(data.till));
  return credentials ? <Editor credentials={credentials} /> : <SignIn onDone={setCredentials} />;
}

createRoot(document.getElementById("root")!).render(<App />);
