import { expect, test } from "vitest";
import { errorsIn } from "../../src/graphql/errors.js";
import { graphql } from "../../src/graphql/index.js";
import { NotFound, StatusError } from "../../src/index.js";
import { json, scriptedClient } from "../support/scripted.js";

const ODD: unknown[] = [
  null, 7, "text", [], {}, { message: null }, { message: 7, path: "a", extensions: [] }, { message: "m", path: [["a"], null] },
  { message: "m", extensions: { code: 7, errors: "all wrong" } }, { message: "m", extensions: { errors: { title: "wrong" } } },
];

test("an error has what it has in the form of the specification, whatever the rest is", () => {
  const all = errorsIn({ data: { a: 1 }, errors: ODD as any[] }, 200);
  expect(all).toHaveLength(ODD.length);
  for (const error of all) {
    expect(error).toBeInstanceOf(StatusError);
    expect(error).toMatchObject({ code: "bad_request", status: 400, path: [], data: { a: 1 }, all });
    expect(typeof error.message).toBe("string");
  }
  expect(all.at(-1)!.errors).toEqual({ title: ["wrong"] });
  expect(errorsIn({ errors: "none" as any }, 200)).toEqual([]);
  expect(errorsIn(null as any, 200)).toEqual([]);
  const [known] = errorsIn({ errors: [{ message: "m", path: ["a", 0], extensions: { code: "not_found", more: 1 } }] }, 200);
  expect(known).toBeInstanceOf(NotFound);
  expect(known).toMatchObject({ code: "not_found", status: 404, path: ["a", 0], details: { more: 1 } });
});

test.each([null, 7, "text", [], {}, { errors: [] }, { errors: 7 }])("a response that is %j is none of GraphQL", async (body) => {
  const { client, on } = scriptedClient();
  on("POST /graphql", () => json(body));
  await expect(graphql(client).query("{ a }")).rejects.toMatchObject({ code: "invalid_response" });
  client.close();
});
