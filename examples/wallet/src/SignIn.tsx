import { useState } from "react";
import { CustomerUnknown } from "./client";

const DEMO_CUSTOMERS = [
  ["919800000143", "earned from three promotions"],
  ["919078345795", "earned from one promotion"],
  ["919078345796", "earned nothing yet"],
] as const;

/** Asks for a number until `onSignIn` takes it. A number that is not known stays in the form. */
export function SignIn({ onSignIn }: { onSignIn: (mobile: string) => Promise<void> }) {
  const [mobile, setMobile] = useState("");
  const [pending, setPending] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function submit(mobile: string) {
    setMobile(mobile);
    setPending(true);
    setProblem(undefined);
    try {
      await onSignIn(mobile);
    } catch (error) {
      const unknown = error instanceof CustomerUnknown;
      setProblem(
        unknown
          ? "We do not know this number. Check it, or try another."
          : "You cannot be signed in just now. Try again in a moment.",
      );
      setPending(false);
    }
  }

  return (
    <section className="card sign-in">
      <h2>Sign in to your wallet</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(mobile);
        }}
      >
        <label htmlFor="mobile">Mobile number, with its country code</label>
        <div className="field">
          <input
            id="mobile"
            inputMode="numeric"
            pattern="[0-9]+"
            autoComplete="tel"
            required
            value={mobile}
            onChange={(event) => setMobile(event.target.value)}
            aria-describedby={problem && "problem"}
            aria-invalid={problem !== undefined}
          />
          <button className="primary" disabled={pending}>
            Sign in
          </button>
        </div>
        {problem && (
          <p id="problem" role="alert">
            {problem}
          </p>
        )}
      </form>
      <p>Or sign in as one of the demo's customers:</p>
      <ul className="choices">
        {DEMO_CUSTOMERS.map(([mobile, description]) => (
          <li key={mobile}>
            <button disabled={pending} onClick={() => void submit(mobile)}>
              <strong>{mobile}</strong> {description}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
