/** What the compiler knows of one file: asked for all at once, as each question goes to another process. */
import { SyntaxKind } from 'typescript/unstable/ast';
import * as is from 'typescript/unstable/ast/is';
import { TypeFlags } from 'typescript/unstable/sync';

const ITERATED = new Set(['Map', 'Set', 'MapIterator', 'SetIterator', 'ArrayIterator']);
/** Declared by JavaScript or by Node. */
const BUILT_IN = /\/(@typescript|typescript)[^/]*\/(.*\/)?lib[^/]*\.d\.ts$|\/@types\/node\/|\/undici-types\//;

export function isType(node) {
  const { kind } = node;
  if (kind === SyntaxKind.ExpressionWithTypeArguments)
    return node.parent.token !== SyntaxKind.ExtendsKeyword || is.isInterfaceDeclaration(node.parent.parent);
  return (
    (kind >= SyntaxKind.FirstTypeNode && kind <= SyntaxKind.LastTypeNode) ||
    is.isInterfaceDeclaration(node) ||
    is.isTypeAliasDeclaration(node)
  );
}

export class Facts {
  #checker;
  #symbols = new Map();
  #types = new Map();
  #untyped;

  /** `untyped`: the owners of methods that are called on what has no type. */
  constructor(source, checker, untyped) {
    this.#untyped = untyped;
    this.#checker = checker;
    const named = [];
    const typed = [];
    const look = (node) => {
      if (isType(node) || is.isImportDeclaration(node) || is.isExportDeclaration(node)) return;
      if (is.isPropertyAccessExpression(node)) named.push(node.name);
      if (is.isIdentifier(node) && isReference(node)) named.push(node);
      if (is.isForOfStatement(node) || is.isSpreadElement(node)) typed.push(node.expression);
      if (is.isYieldExpression(node) && node.asteriskToken !== undefined) typed.push(node.expression);
      node.forEachChild(look);
    };
    look(source);
    this.#fill(this.#symbols, named, (nodes) => checker.getSymbolAtLocation(nodes));
    this.#fill(this.#types, typed, (nodes) => checker.getTypeAtLocation(nodes));
  }

  #fill(map, nodes, ask) {
    if (nodes.length === 0) return;
    for (const [index, answer] of ask(nodes).entries()) map.set(nodes[index], answer);
  }

  /** The identifier names a global value. */
  isGlobal(identifier) {
    const symbol = this.#symbols.get(identifier);
    return isBuiltIn(symbol) && [undefined, '__global'].includes(symbol.getParent()?.name);
  }

  /** The built-in type whose property is named; undefined: it is none of a built-in. */
  ownerOf(access) {
    const symbol = this.#symbols.get(access.name);
    if (symbol === undefined) return this.#untyped.get(access.name.text);
    return isBuiltIn(symbol) ? symbol.getParent()?.name : undefined;
  }

  isFunction(node) {
    const type = this.#checker.getTypeAtLocation(node);
    return type !== undefined && this.#checker.getSignaturesOfType(type, 0).length > 0;
  }

  /** What is iterated over: 'array', 'Map', 'Set', 'MapIterator', 'SetIterator', 'ArrayIterator', or undefined. */
  iterated(node) {
    const type = this.#types.get(node);
    if (type === undefined || (type.flags & TypeFlags.Any) !== 0) return undefined;
    if (this.#checker.isArrayLikeType(type)) return 'array';
    const name = type.getSymbol()?.name.replace('Readonly', '');
    return ITERATED.has(name) ? name : undefined;
  }
}

function isBuiltIn(symbol) {
  return symbol !== undefined && symbol.declarations.length > 0 && symbol.declarations.every(({ path }) => BUILT_IN.test(path));
}

/** It stands for a value, and is no name of a property or a declaration. */
function isReference(node) {
  const { parent } = node;
  if (is.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (is.isShorthandPropertyAssignment(parent)) return true;
  return parent.name !== node && parent.propertyName !== node && parent.label !== node;
}
