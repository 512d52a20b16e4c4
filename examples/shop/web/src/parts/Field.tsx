import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";
import { sentence } from "../api/texts.ts";
import type { FieldProps } from "../hooks/useForm.ts";
import { Icon } from "./Icon.tsx";

type Native = Omit<InputHTMLAttributes<HTMLInputElement>, keyof FieldProps>;

interface Labelled {
  readonly label: string;
  readonly hint?: string | undefined;
}

interface ShellProps extends Labelled {
  readonly id: string;
  readonly errors: readonly string[];
  readonly children: ReactNode;
}

/** The server's messages go on from the field's name: "must have at most 200 characters". */
function aboutField(label: string, message: string): string {
  return sentence(/^\p{Ll}/u.test(message) ? `${label} ${message}` : message);
}

function Shell({ id, label, hint, errors, children }: ShellProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {hint && errors.length === 0 && (
        <p className="hint" id={`${id}-note`}>
          <bdi>{hint}</bdi>
        </p>
      )}
      {errors.length > 0 && (
        <p className="field-error" id={`${id}-note`}>
          <bdi>{errors.map((message) => aboutField(label, message)).join(" ")}</bdi>
        </p>
      )}
    </div>
  );
}

function described(id: string, errors: readonly string[], hint: string | undefined) {
  const hasNote = errors.length > 0 || hint !== undefined;
  return { "aria-invalid": errors.length > 0, ...(hasNote && { "aria-describedby": `${id}-note` }) };
}

export function TextField({ label, hint, errors, onChange, ...native }: FieldProps & Labelled & Native) {
  const id = useId();
  return (
    <Shell id={id} label={label} hint={hint} errors={errors}>
      <input
        id={id}
        dir="auto"
        onChange={(event) => onChange(event.target.value)}
        {...described(id, errors, hint)}
        {...native}
      />
    </Shell>
  );
}

export function TextArea({ label, hint, errors, onChange, name, value }: FieldProps & Labelled) {
  const id = useId();
  return (
    <Shell id={id} label={label} hint={hint} errors={errors}>
      <textarea
        id={id}
        dir="auto"
        name={name}
        value={value}
        rows={3}
        onChange={(event) => onChange(event.target.value)}
        {...described(id, errors, hint)}
      />
    </Shell>
  );
}

export function PasswordField({ label, hint, errors, onChange, ...native }: FieldProps & Labelled & Native) {
  const id = useId();
  const [isShown, setShown] = useState(false);
  return (
    <Shell id={id} label={label} hint={hint} errors={errors}>
      <div className="password">
        <input
          id={id}
          type={isShown ? "text" : "password"}
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => onChange(event.target.value)}
          {...described(id, errors, hint)}
          {...native}
        />
        <button type="button" aria-label={isShown ? "Hide password" : "Show password"} onClick={() => setShown(!isShown)}>
          <Icon name={isShown ? "eyeOff" : "eye"} />
        </button>
      </div>
    </Shell>
  );
}
