import { type FormEvent, useState } from "react";

import { type Headers, tillHeaders, tokenHeaders } from "./credentials";

/** Asks who is calling. `onDone` gets the headers that say so; none, where the caller wants only to look. */
export function SignIn({ onDone }: { onDone: (headers: Headers) => void }) {
  const [kind, setKind] = useState<"till" | "token">("till");

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name));
    onDone(
      kind === "till"
        ? tillHeaders({ name: text("name"), password: text("password") })
        : tokenHeaders(text("token")),
    );
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Who is calling?</h1>
        <p>Your credentials stay in this page’s memory and go to this gateway alone.</p>
        <fieldset>
          <legend>I have</legend>
          <label>
            <input type="radio" name="kind" checked={kind === "till"} onChange={() => setKind("till")} /> a
            till
          </label>
          <label>
            <input type="radio" name="kind" checked={kind === "token"} onChange={() => setKind("token")} /> a
            token
          </label>
        </fieldset>
        {kind === "till" ? (
          <>
            <label>
              Till
              <input name="name" autoComplete="off" required />
            </label>
            <label>
              Password, or its MD5
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
          Just look at the schema
        </button>
      </form>
    </main>
  );
}
