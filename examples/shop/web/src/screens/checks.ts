/** What the forms check before the server's own rules. */

const PASSWORD_MINIMUM = 6;

type Problem = readonly string[] | undefined;

export function needsText(value: string, what: string): Problem {
  return value.trim() === "" ? [`Please enter ${what}.`] : undefined;
}

export function needsEmail(value: string): Problem {
  if (value.trim() === "") return ["Please enter your e-mail address."];
  return value.includes("@") ? undefined : ["An e-mail address contains an @."];
}

export function needsPassword(value: string): Problem {
  if (value === "") return ["Please enter a password."];
  return [...value].length < PASSWORD_MINIMUM ? [`At least ${PASSWORD_MINIMUM} characters, please.`] : undefined;
}
