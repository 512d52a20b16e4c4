import { client } from "../api/shop.ts";
import { useForm } from "../hooks/useForm.ts";
import { tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { PasswordField, TextField } from "../parts/Field.tsx";
import { goInstead, pathAfterLogIn } from "../routing.ts";
import { needsEmail, needsPassword } from "./checks.ts";

export function registerHref(next: string | null): string {
  return next === null ? "#/register" : `#/register?${new URLSearchParams({ next })}`;
}

export function LogIn({ next }: { next: string | null }) {
  const form = useForm({
    initial: { email: "", password: "" },
    check: ({ email, password }) => ({ email: needsEmail(email), password: needsPassword(password) }),
    send: async (values) => {
      const user = await client.auth.logIn({ ...values, email: values.email.trim() });
      tellSuccess(`Welcome back, ${user["name"]}.`);
      goInstead(pathAfterLogIn(next));
    },
  });
  return (
    <section className="card narrow">
      <h1>Log in</h1>
      <p className="muted">{next === null ? "Good to see you again." : "Please log in to see this page."}</p>
      <Banner failure={form.failure} />
      <form onSubmit={form.submit} noValidate>
        <TextField label="E-mail" type="email" autoComplete="email" {...form.field("email")} />
        <PasswordField label="Password" autoComplete="current-password" {...form.field("password")} />
        <Button type="submit" look="primary" isBusy={form.isBusy}>
          Log in
        </Button>
      </form>
      <p className="aside">
        New here? <a href={registerHref(next)}>Create an account</a>
      </p>
    </section>
  );
}
