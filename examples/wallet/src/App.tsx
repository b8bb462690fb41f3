import { useMemo, useState } from "react";
import { Provider } from "urql";
import { createClient } from "./client";
import { SignIn } from "./SignIn";
import { Wallet } from "./Wallet";

export function App() {
  const [mobile, setMobile] = useState<string>();
  // A client for each customer, so that no data of one customer is shown to the next.
  const client = useMemo(() => mobile && createClient(mobile), [mobile]);

  return (
    <>
      <header>
        <h1>
          <img src="/icon.svg" alt="" /> Wallet
        </h1>
        {mobile && <button onClick={() => setMobile(undefined)}>Sign out</button>}
      </header>
      <main>
        {mobile && client ? (
          <Provider value={client}>
            <Wallet mobile={mobile} />
          </Provider>
        ) : (
          <SignIn onSignIn={setMobile} />
        )}
      </main>
    </>
  );
}
