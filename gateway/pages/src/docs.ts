/** The REST documentation: the gateway's OpenAPI document in Swagger UI, which can send its requests. */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

import type { SwaggerRequest } from "swagger-ui-dist";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

import { basicHeaders } from "./credentials";
import { type DocsData, readData } from "./data";

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

async function show() {
  const response = await fetch("/openapi.json");
  if (!response.ok) {
    root.className = "missing";
    root.textContent = `The documentation cannot be shown: /openapi.json has status ${response.status}.`;
    return;
  }
  const spec = await response.json();
  const { credentials } = readData<DocsData>();
  const viewer = SwaggerUI({
    domNode: root,
    spec,
    deepLinking: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // The document is not sent to a server that validates it.
    validatorUrl: null,
    requestInterceptor: digestPassword,
    onComplete() {
      const schemes: Record<string, SecurityScheme> = spec.components?.securitySchemes ?? {};
      for (const [name, { type, scheme }] of Object.entries(schemes)) {
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
void show();
