/** The REST documentation, from the gateway's own OpenAPI document; its "try it out" calls this gateway. */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

import type { SwaggerRequest } from "swagger-ui-dist";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

import { tillHeaders } from "./credentials";
import { type DocsData, readData } from "./data";

interface SecurityScheme {
  type: string;
  scheme?: string;
}

const root = document.getElementById("root")!;

/** The viewer sends a password as it is; a till sends the MD5 of it. */
function asTillsDo(request: SwaggerRequest): SwaggerRequest {
  const given: string | undefined = request.headers?.Authorization;
  if (given?.startsWith("Basic ")) {
    const bytes = Uint8Array.from(atob(given.slice("Basic ".length)), (character) => character.charCodeAt(0));
    const [name = "", ...password] = new TextDecoder().decode(bytes).split(":");
    Object.assign(request.headers, tillHeaders({ name, password: password.join(":") }));
  }
  return request;
}

async function show() {
  const response = await fetch("/openapi.json");
  if (!response.ok) {
    root.className = "missing";
    root.textContent = `Nothing to show: /openapi.json was answered with ${response.status}.`;
    return;
  }
  const spec = await response.json();
  const { till } = readData<DocsData>();
  const viewer = SwaggerUI({
    domNode: root,
    spec,
    deepLinking: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // Names no other server: the document is not sent away to be validated.
    validatorUrl: null,
    requestInterceptor: asTillsDo,
    onComplete() {
      const schemes: Record<string, SecurityScheme> = spec.components?.securitySchemes ?? {};
      for (const [name, { type, scheme }] of Object.entries(schemes)) {
        if (till && type === "http" && scheme === "basic") {
          viewer.preauthorizeBasic(name, till.name, till.password);
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
void show();
