import { type FormEvent, useState } from "react";

import { basicHeaders, type HeaderMap, tokenHeaders, tokenSubject } from "./credentials";
import { checkCredentials } from "./send";

/** Who the page sends requests as. Without credentials, `name` is null and there are no headers. */
export interface Session {
  name: string | null;
  headers: HeaderMap;
}

const ANONYMOUS: Session = { name: null, headers: {} };

interface Properties {
  /** Gets a session whose credentials the gateway accepts, or one without credentials. */
  onDone: (session: Session) => void;
  /** Goes back to the session that there is, if there is one. */
  onCancel?: () => void;
}

/** Asks for credentials, and has the gateway check them. */
export function SignIn({ onDone, onCancel }: Properties) {
  const [kind, setKind] = useState<"password" | "token">("password");
  const [checking, setChecking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const session = readSession(new FormData(event.currentTarget));
    setChecking(true);
    const found = await checkCredentials(session.headers);
    setChecking(false);
    setProblem(found);
    if (found === null) {
      onDone(session);
    }
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Sign in</h1>
        <p>Your credentials stay in the memory of this page and are sent only to this gateway.</p>
        <fieldset>
          <legend>Sign in with</legend>
          <label>
            <input
              type="radio"
              name="kind"
              checked={kind === "password"}
              onChange={() => setKind("password")}
            />{" "}
            a password
          </label>
          <label>
            <input type="radio" name="kind" checked={kind === "token"} onChange={() => setKind("token")} /> a
            token
          </label>
        </fieldset>
        {kind === "password" ? (
          <>
            <label>
              Name of the POS client (till)
              <input name="name" autoComplete="off" required />
            </label>
            <label>
              Password, or its MD5 digest
              <input name="password" type="password" autoComplete="off" required />
            </label>
          </>
        ) : (
          <label>
            Token
            <input name="token" type="password" autoComplete="off" required />
          </label>
        )}
        {problem && <p role="alert">{problem}</p>}
        <button type="submit" disabled={checking}>
          {checking ? "Checking…" : "Open GraphiQL"}
        </button>
        <button type="button" className="plain" onClick={onCancel ?? (() => onDone(ANONYMOUS))}>
          {onCancel ? "Cancel" : "Only read the schema"}
        </button>
      </form>
    </main>
  );
}

function readSession(form: FormData): Session {
  const text = (name: string) => String(form.get(name));
  if (form.has("token")) {
    return { name: tokenSubject(text("token")), headers: tokenHeaders(text("token")) };
  }
  const name = text("name");
  return { name, headers: basicHeaders({ name, password: text("password") }) };
}
