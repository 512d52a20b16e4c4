/** How TypeDoc's Markdown looks: signatures as code, once, without tables that repeat them or what a type inherits. */

import { Converter, ReflectionKind } from "typedoc";
import { MarkdownPageEvent, MarkdownTheme, MarkdownThemeContext } from "typedoc-plugin-markdown";

const ENTRIES = {
  index: "hinterland", offline: "hinterland/offline", react: "hinterland/react", tanstack: "hinterland/tanstack-db",
  sqlite: "hinterland/sqlite",
};
const FIRST = `# Reference of the TypeScript client

Every name that the package exports, made from the comments in its source by \`make reference\`. Begin with
[the client](../typescript.md), [its local store](../typescript-offline.md), [React](../react.md) or [TanStack](../tanstack.md).

${Object.entries(ENTRIES).map(([file, entry]) => `- [\`${entry}\`](${file}.md)`).join("\n")}
`;

const withoutAnchors = (table) => table.replace(/<a id="[^"]*"><\/a> /g, "");
const isOurs = (type) => type.type === "reference" && !!type.reflection;

class Context extends MarkdownThemeContext {
  constructor(...facts) {
    super(...facts);
    const { propertiesTable, typeDeclarationTable } = this.partials;
    Object.assign(this.partials, {
      propertiesTable: (...given) => withoutAnchors(propertiesTable(...given)),
      typeDeclarationTable: (...given) => withoutAnchors(typeDeclarationTable(...given)),
      hierarchy: ({ types, isTarget, next }) => isTarget || !next || !types.some(isOurs)
        ? "" : `Extends ${types.map((type) => this.partials.someType(type)).join(", ")}.`,
      inheritance: () => "",
      signatureReturns: () => "",
    });
  }
}

class Reference extends MarkdownTheme {
  getRenderContext(page) {
    return new Context(this, page, this.application.options);
  }
}

/** Removes what a class or an interface has from another of ours, and the constructors of errors. */
function removeInherited(project) {
  const types = project.getReflectionsByKind(ReflectionKind.ClassOrInterface);
  const removed = types.flatMap(({ children = [], extendedTypes = [] }) => {
    const parents = extendedTypes.filter(isOurs).map(({ reflection }) => reflection);
    return children.filter((child) => child.kindOf(ReflectionKind.Constructor)
      || parents.some((parent) => parent.getChildByName([child.name])));
  });
  for (const reflection of removed) project.removeReflection(reflection);
  for (const type of types) delete type.implementedTypes;
}

/** Names a parameter that the source takes apart after its type: `options` for all that end so. */
function nameParameters(project) {
  for (const parameter of project.getReflectionsByKind(ReflectionKind.Parameter)) {
    if (parameter.name === "__namedParameters") parameter.name = /[A-Z][a-z]+$/.exec(parameter.type.name)[0].toLowerCase();
  }
}

export function load(app) {
  app.renderer.defineTheme("reference", Reference);
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    removeInherited(project);
    nameParameters(project);
  });
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    const text = page.model.isProject() ? FIRST : `# ${ENTRIES[page.model.name]}\n\n${page.contents.trim()}\n`;
    page.contents = text.replace(/ +$/gm, "").replace(/\n{3,}/g, "\n\n");
  });
}
