import { client } from "../api/shop.ts";
import { useForm } from "../hooks/useForm.ts";
import { tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { PasswordField, TextField } from "../parts/Field.tsx";
import { goInstead, logInPath, pathAfterLogIn } from "../routing.ts";
import { needsEmail, needsPassword, needsText } from "./checks.ts";

export function SignUp({ next }: { next: string | null }) {
  const form = useForm({
    initial: { name: "", email: "", password: "" },
    check: ({ name, email, password }) => ({
      name: needsText(name, "your name"),
      email: needsEmail(email),
      password: needsPassword(password),
    }),
    send: async (values) => {
      const user = await client.auth.signUp({ ...values, name: values.name.trim(), email: values.email.trim() });
      tellSuccess(`Welcome, ${user["name"]}. Your account is ready.`);
      goInstead(pathAfterLogIn(next));
    },
  });
  return (
    <section className="card narrow">
      <h1>Sign up</h1>
      <p className="muted">Write posts and keep a shopping list that you can share.</p>
      <Banner failure={form.failure} />
      <form onSubmit={form.submit} noValidate>
        <TextField label="Name" autoComplete="name" {...form.field("name")} />
        <TextField label="E-mail" type="email" autoComplete="email" {...form.field("email")} />
        <PasswordField
          label="Password"
          autoComplete="new-password"
          hint="At least 6 characters; a short sentence is best."
          {...form.field("password")}
        />
        <Button type="submit" look="primary" isBusy={form.isBusy}>
          Create account
        </Button>
      </form>
      <p className="aside">
        Already a member? <a href={next === null ? "#/login" : `#${logInPath(next)}`}>Log in</a>
      </p>
    </section>
  );
}
