/** GraphiQL, with the examples in its tabs and the reader's credentials in its requests. */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./graphiql.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useGraphiQL } from "@graphiql/react";
import type { FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { buildSchema } from "graphql";
import { type RefObject, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

import { CopyMenu } from "./copy-menu";
import { basicHeaders, withCredentials } from "./credentials";
import { type GraphiQLData, readData } from "./data";
import { operationNameFor } from "./operation";
import { type Reply, send } from "./send";
import { type Session, SignIn } from "./sign-in";
import { initialContents, tabStorage, takeSharedQuery } from "./storage";
import { useTabRoles } from "./tab-roles";

const data = readData<GraphiQLData>();
// The documentation and completion work without credentials.
const schema = buildSchema(data.schema);
const plugins = [HISTORY_PLUGIN, explorerPlugin()];

function Editor({ session }: { session: Session }) {
  const [replies, setReplies] = useState<Record<string, Reply>>({});
  const activeTab = useRef("");
  // The properties of GraphiQL that do not change while it is mounted.
  const [initial] = useState(() => {
    const headers = JSON.stringify(session.headers, null, 2);
    const tabs = data.examples.map(({ query, variables }) => ({
      query,
      variables: JSON.stringify(variables, null, 2),
      headers,
    }));
    const query = takeSharedQuery();
    const shared = query === null ? null : { query, variables: "{}", headers };
    return {
      ...initialContents(shared, tabs[0]!),
      // Only used where no tabs are stored.
      defaultTabs: shared ? [shared, ...tabs] : tabs,
      defaultHeaders: headers,
      storage: tabStorage(),
      async fetcher(request: FetcherParams, options?: FetcherOpts) {
        const tab = activeTab.current;
        const operationName = operationNameFor(request.query, request.operationName);
        const headers = withCredentials(options?.headers ?? {}, session.headers);
        const reply = await send({ ...request, operationName }, headers);
        setReplies((others) => ({ ...others, [tab]: reply }));
        return reply.body;
      },
    };
  });
  useEffect(() => initial.storage.close, [initial]);
  return (
    <GraphiQL
      {...initial}
      schema={schema}
      plugins={plugins}
      defaultEditorToolsVisibility="variables"
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>{null}</GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <CopyMenu schema={schema} credentials={session.headers} restPath={data.restPath} />
          </>
        )}
      </GraphiQL.Toolbar>
      <GraphiQL.Footer>
        <ReplyFacts replies={replies} activeTab={activeTab} />
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

/** Status, time and size of the last response in the active tab. */
function ReplyFacts({
  replies,
  activeTab,
}: {
  replies: Record<string, Reply>;
  activeTab: RefObject<string>;
}) {
  const id = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]!.id);
  useTabRoles();
  useEffect(() => {
    activeTab.current = id;
  }, [id, activeTab]);
  const reply = replies[id];
  if (!reply) {
    return null;
  }
  const { status, milliseconds, bytes } = reply;
  return (
    <p role="status" className="reply">
      {status === null ? "No response" : `Status ${status}`} · {Math.round(milliseconds)} ms ·{" "}
      {bytes.toLocaleString("en")} bytes
    </p>
  );
}

function App() {
  // Only in memory: after a reload the page asks again.
  const [session, setSession] = useState<Session | null>(
    data.credentials && { name: data.credentials.name, headers: basicHeaders(data.credentials) },
  );
  const [switching, setSwitching] = useState(false);
  function signOut() {
    sessionStorage.clear();
    setSession(null);
  }
  if (session === null || switching) {
    return (
      <SignIn
        onDone={(session) => {
          setSession(session);
          setSwitching(false);
        }}
        onCancel={session ? () => setSwitching(false) : undefined}
      />
    );
  }
  return (
    <>
      <header className="bar">
        <nav aria-label="Pages">
          <a className="home" href="/">
            promo-gateway
          </a>
          <a href="/docs">REST documentation</a>
        </nav>
        {session.name === null ? (
          <span>Not signed in</span>
        ) : (
          <span>
            Signed in as <strong>{session.name}</strong>
          </span>
        )}
        <button type="button" onClick={() => setSwitching(true)}>
          {session.name === null ? "Sign in" : "Switch"}
        </button>
        {session.name !== null && (
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        )}
      </header>
      <main>
        <h1 className="hidden">GraphiQL</h1>
        <Editor key={JSON.stringify(session.headers)} session={session} />
      </main>
    </>
  );
}

createRoot(document.getElementById("root")!).render(<App />);
