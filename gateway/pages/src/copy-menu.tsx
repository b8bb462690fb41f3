import { ToolbarButton, ToolbarMenu, useGraphiQL } from "@graphiql/react";
import type { GraphQLSchema } from "graphql";
import { useEffect, useRef, useState } from "react";

import { type HeaderMap, withCredentials } from "./credentials";
import { curl } from "./curl";
import { type GraphQLRequest, operationNameFor, type Refusal } from "./operation";
import { restCall } from "./rest";
import { shareLink } from "./storage";
import { typescript } from "./typescript";

/** One item of the menu: the text that it copies, or the reason why it cannot. */
interface Copy {
  title: string;
  text?: string;
  /** Why there is no text, or what the text leaves out. */
  reason?: string;
}

interface Properties {
  schema: GraphQLSchema;
  credentials: HeaderMap;
  restPath: string;
}

/** The menu that copies the operation in the editor as a REST call, a curl command, TypeScript or a link. */
export function CopyMenu({ schema, credentials, restPath }: Properties) {
  const editors = useGraphiQL(({ queryEditor, variableEditor, headerEditor, operationName }) => ({
    queryEditor,
    variableEditor,
    headerEditor,
    operationName,
  }));
  const [copies, setCopies] = useState<Copy[]>([]);
  const [copied, setCopied] = useState<Copy | null>(null);
  const button = useRef<HTMLButtonElement>(null);

  function prepare() {
    try {
      const query = editors.queryEditor?.getValue() ?? "";
      const request: GraphQLRequest = {
        query,
        operationName: operationNameFor(query, editors.operationName),
        variables: JSON.parse(editors.variableEditor?.getValue() || "{}"),
      };
      const own: HeaderMap = JSON.parse(editors.headerEditor?.getValue() || "{}");
      setCopies(allCopies(request, schema, withCredentials(own, credentials), restPath));
    } catch {
      setCopies([{ title: "Copy", reason: "The variables or the headers are not JSON." }]);
    }
  }

  return (
    <>
      <ToolbarMenu
        onOpenChange={(open) => open && prepare()}
        button={
          <ToolbarButton ref={button} label="Copy as REST, curl, TypeScript or a link">
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
              setCopied(copy);
            }}
          >
            {copy.title}
            {copy.reason && <small>{copy.reason}</small>}
          </ToolbarMenu.Item>
        ))}
      </ToolbarMenu>
      {copied && (
        <CopiedText
          copy={copied}
          onClose={() => {
            setCopied(null);
            // The item that had the focus is gone.
            button.current?.focus();
          }}
        />
      )}
    </>
  );
}

function allCopies(
  request: GraphQLRequest,
  schema: GraphQLSchema,
  headers: HeaderMap,
  restPath: string,
): Copy[] {
  const endpoint = `${location.origin}/graphql`;
  const copy = (title: string, made: string | Refusal): Copy =>
    typeof made === "string" ? { title, text: made } : { title, ...made };
  return [
    copy("Copy as REST GET", restCall(request, schema, location.origin + restPath)),
    copy("Copy as curl", curl(request, endpoint, headers)),
    copy("Copy as TypeScript", typescript(request, schema, endpoint)),
    { title: "Copy a link", text: shareLink(request.query), reason: "Without variables and credentials." },
  ];
}

/** Shows the copied text. If the page may not use the clipboard, it can be copied from here. */
function CopiedText({ copy, onClose }: { copy: Copy; onClose: () => void }) {
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
