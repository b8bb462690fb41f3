import { type ReactNode, useEffect, useRef, useState } from "react";
import { type Client, Provider } from "urql";
import { signIn } from "./client";
import { SignIn } from "./SignIn";
import { Wallet } from "./Wallet";

const WALLET = "#wallet";

export function App() {
  // Only in memory: after a reload, the customer signs in again.
  const [client, setClient] = useState<Client>();
  const [screen, setScreen] = useState("");
  const signedIn = client && screen === WALLET;

  useEffect(() => {
    const show = () => setScreen(location.hash);
    // A reload of the wallet shows the form.
    history.replaceState(null, "", "/");
    addEventListener("popstate", show);
    return () => removeEventListener("popstate", show);
  }, []);
  useEffect(() => {
    document.title = signedIn ? "Your wallet" : "Sign in · Wallet";
  }, [signedIn]);

  function go(to: string) {
    history.pushState(null, "", to || "/");
    setScreen(to);
  }

  return (
    <>
      <header>
        <h1>
          <img src="/icon.svg" alt="" /> Wallet
        </h1>
        {signedIn && (
          <button
            onClick={() => {
              setClient(undefined);
              go("");
            }}
          >
            Sign out
          </button>
        )}
      </header>
      <main>
        {signedIn ? (
          <>
            <FocusedHeading>What you have earned</FocusedHeading>
            <Provider value={client}>
              <Wallet />
            </Provider>
          </>
        ) : (
          <SignIn
            onSignIn={async (mobile) => {
              // A client for each customer, so that no data of one customer is shown to the next.
              setClient(await signIn(mobile));
              go(WALLET);
            }}
          />
        )}
      </main>
    </>
  );
}

/** Takes the focus, so that a screen reader says which screen replaced the form. */
function FocusedHeading({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <h2 ref={heading} tabIndex={-1}>
      {children}
    </h2>
  );
}
