const DEMO_CUSTOMERS = [
  ["919800000143", "earned from three promotions"],
  ["919078345795", "earned from one promotion"],
  ["919078345796", "earned nothing yet"],
] as const;

export function SignIn({ onSignIn }: { onSignIn: (mobile: string) => void }) {
  return (
    <section className="card sign-in">
      <h2>Sign in to your wallet</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSignIn(String(new FormData(event.currentTarget).get("mobile")));
        }}
      >
        <label htmlFor="mobile">Mobile number, with its country code</label>
        <div className="field">
          <input id="mobile" name="mobile" inputMode="numeric" pattern="[0-9]+" autoComplete="tel" required />
          <button className="primary">Sign in</button>
        </div>
      </form>
      <p>Or sign in as one of the demo's customers:</p>
      <ul className="choices">
        {DEMO_CUSTOMERS.map(([mobile, description]) => (
          <li key={mobile}>
            <button onClick={() => onSignIn(mobile)}>
              <strong>{mobile}</strong> {description}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
