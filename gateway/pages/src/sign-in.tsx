import { type FormEvent, useState } from "react";

import { basicHeaders, type HeaderMap, tokenHeaders } from "./credentials";

/** Asks for credentials. `onDone` gets the headers that carry them, or none if the reader skips the step. */
export function SignIn({ onDone }: { onDone: (headers: HeaderMap) => void }) {
  const [kind, setKind] = useState<"password" | "token">("password");

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name));
    onDone(
      kind === "password"
        ? basicHeaders({ name: text("name"), password: text("password") })
        : tokenHeaders(text("token")),
    );
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Sign in</h1>
        <p>Your credentials stay in the memory of this page and are sent only to this gateway.</p>
        <fieldset>
          <legend>With</legend>
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
        <button type="submit">Open GraphiQL</button>
        <button type="button" className="plain" onClick={() => onDone({})}>
          Only read the schema
        </button>
      </form>
    </main>
  );
}
