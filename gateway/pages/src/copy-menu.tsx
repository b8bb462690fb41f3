import { ToolbarButton, ToolbarMenu, useGraphiQL } from "@graphiql/react";
import type { GraphQLSchema } from "graphql";
import { useEffect, useRef, useState } from "react";

import { type Headers, withCredentials } from "./credentials";
import { curl } from "./curl";
import { type Asked, neededName, type Refusal } from "./operation";
import { restCall } from "./rest";
import { typescript } from "./typescript";

/** One way to say the same elsewhere: its text, or why there is none. */
interface Copy {
  title: string;
  text?: string;
  reason?: string;
}

interface Properties {
  schema: GraphQLSchema;
  credentials: Headers;
  restPath: string;
}

/** The menu that copies the operation in the editor as a REST call, a command line or code. */
export function CopyMenu({ schema, credentials, restPath }: Properties) {
  const editors = useGraphiQL(({ queryEditor, variableEditor, headerEditor, operationName }) => ({
    queryEditor,
    variableEditor,
    headerEditor,
    operationName,
  }));
  const [copies, setCopies] = useState<Copy[]>([]);
  const [shown, setShown] = useState<Copy | null>(null);

  function prepare() {
    try {
      const query = editors.queryEditor?.getValue() ?? "";
      const asked: Asked = {
        query,
        operationName: neededName(query, editors.operationName),
        variables: JSON.parse(editors.variableEditor?.getValue() || "{}"),
      };
      const own: Headers = JSON.parse(editors.headerEditor?.getValue() || "{}");
      setCopies(allCopies(asked, schema, withCredentials(own, credentials), restPath));
    } catch {
      setCopies([{ title: "Copy", reason: "The variables or the headers are not JSON." }]);
    }
  }

  return (
    <>
      <ToolbarMenu
        onOpenChange={(open) => open && prepare()}
        button={
          <ToolbarButton label="Copy as REST, curl or TypeScript">
            <CodeIcon />
          </ToolbarButton>
        }
      >
        {copies.map((copy) => (
          <ToolbarMenu.Item
            key={copy.title}
            disabled={copy.text === undefined}
            onSelect={() => {
              void navigator.clipboard?.writeText(copy.text!);
              setShown(copy);
            }}
          >
            {copy.title}
            {copy.reason && <small>{copy.reason}</small>}
          </ToolbarMenu.Item>
        ))}
      </ToolbarMenu>
      {shown && <Shown copy={shown} onClose={() => setShown(null)} />}
    </>
  );
}

function allCopies(asked: Asked, schema: GraphQLSchema, headers: Headers, restPath: string): Copy[] {
  const endpoint = `${location.origin}/graphql`;
  const copy = (title: string, made: string | Refusal): Copy =>
    typeof made === "string" ? { title, text: made } : { title, ...made };
  return [
    copy("Copy as REST GET", restCall(asked, schema, location.origin + restPath)),
    copy("Copy as curl", curl(asked, endpoint, headers)),
    copy("Copy as TypeScript", typescript(asked, schema, endpoint)),
  ];
}

/** What was copied, to be seen, and to be copied by hand where a page may not reach the clipboard. */
function Shown({ copy, onClose }: { copy: Copy; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="copied" aria-labelledby="copied" onClose={onClose}>
      <h2 id="copied">{navigator.clipboard ? "Copied" : "Copy this"}</h2>
      <pre tabIndex={0}>{copy.text}</pre>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}

function CodeIcon() {
  return (
    <svg
      className="graphiql-toolbar-icon"
      viewBox="-2 -2 24 24"
      fill="none"
      stroke="currentColor"
      aria-hidden
    >
      <path d="M7 5 2 10l5 5M13 5l5 5-5 5M11.5 3l-3 14" />
    </svg>
  );
}
