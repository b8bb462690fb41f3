/** The REST documentation: the gateway's OpenAPI document in Swagger UI, which can send its requests. */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

import type { SwaggerRequest, SwaggerResponse } from "swagger-ui-dist";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

import { basicHeaders } from "./credentials";
import { type DocsData, readData } from "./data";
import { parseExactly } from "./exact-json";

interface SecurityScheme {
  type: string;
  scheme?: string;
}

const root = document.getElementById("root")!;

/** Replaces the password, which Swagger UI sends as it is, by its MD5 digest. */
function digestPassword(request: SwaggerRequest): SwaggerRequest {
  const header: string | undefined = request.headers?.Authorization;
  if (header?.startsWith("Basic ")) {
    const bytes = Uint8Array.from(atob(header.slice("Basic ".length)), (character) => character.charCodeAt(0));
    const [name = "", ...password] = new TextDecoder().decode(bytes).split(":");
    Object.assign(request.headers, basicHeaders({ name, password: password.join(":") }));
  }
  return request;
}

interface OpenAPI {
  components: {
    examples: Record<string, { value: unknown }>;
    securitySchemes: Record<string, SecurityScheme>;
  };
}

/** JSON as it is written, by the text that Swagger UI shows, in which 600.000 is 600. */
const exactTexts = new Map<string, string>();

function rememberExactly(value: unknown) {
  const text = JSON.stringify(value, null, 2);
  exactTexts.set(JSON.stringify(JSON.parse(text), null, 2), text);
}

function rememberResponse(response: SwaggerResponse): SwaggerResponse {
  if (response.headers["content-type"] === "application/json") {
    rememberExactly(parseExactly(response.text));
  }
  return response;
}

interface System {
  React: { createElement: (component: string, properties: object, child?: unknown) => unknown };
}

interface CodeProperties {
  children: string;
}

/** Has Swagger UI show JSON as it is written. */
function exactNumbers() {
  return {
    wrapComponents: {
      HighlightCode: (Code: string, { React }: System) => (properties: CodeProperties) =>
        React.createElement(Code, {
          ...properties,
          children: exactTexts.get(properties.children) ?? properties.children,
        }),
    },
  };
}

/** Replaces elements that screen readers do not find. */
function accessibleElements() {
  return {
    wrapComponents: {
      // A link inside a button, which does the same.
      DeepLink: (_: string, { React }: System) => ({ text }: { text: string }) =>
        React.createElement("span", {}, text),
      // The introduction is in no landmark.
      InfoContainer: (Introduction: string, { React }: System) => (properties: object) =>
        React.createElement("div", { role: "banner" }, React.createElement(Introduction, properties)),
    },
  };
}

/** Names the fields and the tables of responses, which Swagger UI leaves without names of their own. */
function nameFields() {
  const name = (parent: ParentNode, selector: string, label: string) =>
    parent.querySelectorAll(selector).forEach((field) => field.setAttribute("aria-label", label));
  root.querySelectorAll<HTMLElement>("[data-param-name]").forEach((row) => {
    name(row, "input, select, textarea", row.dataset.paramName!);
  });
  root.querySelectorAll(".opblock").forEach((operation) => {
    const path = operation.querySelector("[data-path]")!.getAttribute("data-path");
    name(operation, "table[role=region]", `Responses of ${path}`);
  });
  name(root, ".examples-select-element", "Example");
  name(root, ".body-param__text", "Request body");
}

async function show() {
  const response = await fetch("/openapi.json");
  if (!response.ok) {
    root.className = "missing";
    root.textContent = `The documentation cannot be shown: /openapi.json has status ${response.status}.`;
    return;
  }
  const text = await response.text();
  const spec: OpenAPI = JSON.parse(text);
  for (const { value } of Object.values((parseExactly(text) as OpenAPI).components.examples)) {
    rememberExactly(value);
  }
  const { credentials } = readData<DocsData>();
  const viewer = SwaggerUI({
    domNode: root,
    spec,
    deepLinking: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // The document is not sent to a server that validates it.
    validatorUrl: null,
    plugins: [exactNumbers, accessibleElements],
    requestInterceptor: digestPassword,
    responseInterceptor: rememberResponse,
    onComplete() {
      for (const [name, { type, scheme }] of Object.entries(spec.components.securitySchemes)) {
        if (credentials && type === "http" && scheme === "basic") {
          viewer.preauthorizeBasic(name, credentials.name, credentials.password);
        }
      }
    },
  });
}

function followColorScheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", apply);
  apply();
}

followColorScheme();
new MutationObserver(nameFields).observe(root, { childList: true, subtree: true });
void show();
