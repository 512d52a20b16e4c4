import { type FormEvent, useRef, useState } from "react";
import { HinterlandError } from "hinterland";
import { messageOf } from "../api/texts.ts";
import { closeNotice } from "../notices.ts";

/** What `send` throws where it finds a field that can't be taken. */
export class Refused extends Error {
  override name = "Refused";
  readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(field: string, message: string) {
    super(message);
    this.fields = { [field]: [message] };
  }
}

export type Messages<V> = { readonly [K in keyof V]?: readonly string[] | undefined };

export interface FieldProps {
  readonly name: string;
  readonly value: string;
  readonly errors: readonly string[];
  readonly onChange: (value: string) => void;
}

export interface Form<V> {
  readonly values: V;
  /** What went wrong beyond the fields, for the banner. */
  readonly failure: string | null;
  readonly isBusy: boolean;
  readonly field: (name: keyof V & string) => FieldProps;
  readonly submit: (event: FormEvent<HTMLFormElement>) => void;
  readonly reset: () => void;
}

interface Options<V> {
  readonly initial: V;
  /** The form's own rules, before the server's. `send` refuses a field with `Refused`. */
  readonly check: (values: V) => Messages<V>;
  readonly send: (values: V) => Promise<void>;
}

function isEmpty<V>(messages: Messages<V>): boolean {
  return Object.values(messages).every((list) => !(list as readonly string[] | undefined)?.length);
}

function focusFirstInvalid(form: HTMLFormElement): void {
  // After React has drawn the errors.
  requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

/** The fields that the form shows get the server's messages; what it can't place stays in the banner. */
function place<V extends object>(error: unknown, values: V): { errors: Messages<V>; failure: string | null } {
  if (error instanceof Refused) return { errors: error.fields as Messages<V>, failure: null };
  if (!(error instanceof HinterlandError)) return { errors: {}, failure: messageOf(error) };
  const known = Object.entries(error.errors).filter(([name]) => name in values);
  const unplaced = Object.entries(error.errors).filter(([name]) => !(name in values));
  const extra = unplaced.map(([name, messages]) => `${name}: ${messages.join(" ")}`);
  const isPlaced = error.code === "validation" && extra.length === 0;
  const failure = isPlaced ? "Please check the marked fields." : [messageOf(error), ...extra].join(" ");
  return { errors: Object.fromEntries(known) as unknown as Messages<V>, failure };
}

export function useForm<V extends Record<keyof V, string>>({ initial, check, send }: Options<V>): Form<V> {
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState<Messages<V>>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isSending = useRef(false);

  const refuse = (form: HTMLFormElement, next: Messages<V>, text: string | null) => {
    setErrors(next);
    setFailure(text);
    focusFirstInvalid(form);
  };

  const run = async (form: HTMLFormElement) => {
    closeNotice();
    const wrong = check(values);
    if (!isEmpty(wrong)) return refuse(form, wrong, null);
    isSending.current = true;
    setBusy(true);
    setFailure(null);
    setErrors({});
    try {
      await send(values);
    } catch (error) {
      const placed = place(error, values);
      refuse(form, placed.errors, placed.failure);
    } finally {
      isSending.current = false;
      setBusy(false);
    }
  };

  return {
    values,
    failure,
    isBusy,
    field: (name) => ({
      name,
      value: values[name],
      errors: errors[name] ?? [],
      onChange: (value) => {
        setValues((old) => ({ ...old, [name]: value }));
        setErrors((old) => ({ ...old, [name]: undefined }));
        setFailure(null); // it was about what stood there before
      },
    }),
    submit: (event) => {
      event.preventDefault();
      // A second press of Enter arrives before the disabled button is drawn.
      if (!isSending.current) void run(event.currentTarget);
    },
    reset: () => {
      setValues(initial);
      setErrors({});
      setFailure(null);
    },
  };
}
