/** One file of the source, rewritten so that it looks nothing up that a program may replace (capture.js). */
import { dirname, relative } from 'node:path/posix';
import { SyntaxKind } from 'typescript/unstable/ast';
import * as is from 'typescript/unstable/ast/is';
import { isType } from './facts.js';

/** These cannot be replaced. */
const CONSTANT = new Set(['undefined', 'Infinity', 'NaN', 'globalThis', 'arguments']);
const NEXT = { Map: '$nextOfMap', Set: '$nextOfSet', MapIterator: '$nextOfMap', SetIterator: '$nextOfSet', ArrayIterator: '$nextOfArray' };

/** The packages that become a module of our own, shared/packages.js, and what is taken of them. */
export const PACKAGES = {
  'p-queue': "export { default as PQueue } from 'p-queue';",
  eventemitter3: "export { EventEmitter } from 'eventemitter3';",
};

export function rewrite(source, facts, captured, file, refusals) {
  const { text } = source;
  const used = new Set();
  const constants = [];
  let temporaries = 0;

  const use = (name) => {
    if (name !== undefined) used.add(name);
    return name;
  };
  const temporary = () => `$${temporaries++}`;
  const raw = (node) => text.slice(node.getStart(source), node.end);
  const refuse = (node, why) => {
    const line = text.slice(0, node.getStart(source)).split('\n').length;
    refusals.push(`src/${file}:${line}: ${why}: ${raw(node)}`);
    return raw(node);
  };

  function pathTo(target) {
    const path = relative(dirname(`/${file}`), target);
    return path.startsWith('.') ? path : `./${path}`;
  }

  /** The node's text, with what is inside rewritten. */
  function emit(node) {
    if (isType(node)) return raw(node);
    return RULES[node.kind]?.(node) ?? inner(node);
  }

  function inner(node) {
    const children = [];
    node.forEachChild((child) => {
      if (child.end > child.pos) children.push(child);
    });
    children.sort((one, other) => one.pos - other.pos);
    let result = '';
    let at = node.kind === SyntaxKind.SourceFile ? 0 : node.getStart(source);
    for (const child of children) {
      const start = child.getStart(source);
      result += text.slice(at, start) + emit(child);
      at = child.end;
    }
    return result + text.slice(at, node.end);
  }

  const emitAll = (nodes) => nodes.map((each) => emit(each));
  const args = (...parts) => parts.flat().join(', ');

  // ---- globals

  function global(node) {
    const name = node.text;
    if (CONSTANT.has(name) || !facts.isGlobal(node) || is.isTypeOfExpression(node.parent)) return undefined;
    const own = use(captured.global(name));
    return is.isShorthandPropertyAssignment(node.parent) ? `${name}: ${own}` : own;
  }

  /** `Object.keys`, `process.memoryUsage.rss`, `process.platform` */
  function member(node) {
    const owner = ownerPath(node.expression);
    if (owner === undefined) return undefined;
    if (isWritten(node)) return undefined;
    return use(captured.member(owner, node.name.text, owner.includes('.') || facts.isFunction(node)));
  }

  function ownerPath(node) {
    if (is.isIdentifier(node)) return !CONSTANT.has(node.text) && facts.isGlobal(node) ? node.text : undefined;
    return raw(node) === 'process.memoryUsage' ? raw(node) : undefined;
  }

  /** `Map.prototype.forEach` */
  function ofPrototype(node) {
    const { expression } = node;
    if (
      !is.isPropertyAccessExpression(expression) ||
      expression.name.text !== 'prototype' ||
      ownerPath(expression.expression) === undefined
    )
      return undefined;
    return use(captured.method(expression.expression.text, node.name.text));
  }

  function isWritten(node) {
    const { parent } = node;
    return is.isBinaryExpression(parent) && parent.left === node && parent.operatorToken.kind === SyntaxKind.EqualsToken;
  }

  function property(node) {
    const known = member(node);
    if (known !== undefined) return known;
    const owner = facts.ownerOf(node);
    const getter = owner === undefined || isWritten(node) ? undefined : use(captured.getter(owner, node.name.text));
    if (getter === undefined) return undefined;
    return call(node, getter, node.expression, []);
  }

  // ---- calls

  function called(node) {
    const { expression, arguments: given } = node;
    if (given.some((each) => is.isSpreadElement(each))) return spreading(node);
    if (!is.isPropertyAccessExpression(expression)) return undefined;
    if (node.questionDotToken !== undefined) return undefined;
    const { name, expression: self } = expression;
    if (name.text === 'call' && is.isPropertyAccessExpression(self)) {
      const direct = ofPrototype(self);
      if (direct !== undefined) return `${direct}(${args(emitAll(given))})`;
    }
    const fixed = member(expression);
    if (fixed !== undefined) return `${fixed}(${args(emitAll(given))})`;
    const owner = facts.ownerOf(expression);
    if (owner === undefined) return undefined;
    if (owner === 'RegExp' && name.text === 'test')
      return `(${use(captured.method('RegExp', 'exec'))}(${args(emit(self), emitAll(given))}) !== null)`;
    const method = use(captured.method(owner, name.text));
    return method === undefined ? undefined : call(node, method, self, given);
  }

  /** Of an optional chain only this part may be missing: what follows in the same chain becomes optional too. */
  function call(node, method, self, given) {
    const access = is.isCallExpression(node) ? node.expression : node;
    const subject = self.kind === SyntaxKind.SuperKeyword ? 'this' : emit(self);
    if (access.questionDotToken === undefined && !isInChain(self)) return `${method}(${args(subject, emitAll(given))})`;
    if (/^(this\.#?)?\w+$/.test(subject)) {
      return `(${subject} === undefined || ${subject} === null ? undefined : ${method}(${args(subject, emitAll(given))}))${continues(node) ? '?' : ''}`;
    }
    const each = temporary();
    if (/\b(await|yield)\b/.test(given.map(raw).join())) refuse(node, 'await in an optional call');
    const whole = `${use('$maybe')}(${subject}, (${each}) => ${method}(${args(each, emitAll(given))}))`;
    return continues(node) ? `${whole}?` : whole;
  }

  function isInChain(node) {
    if (is.isParenthesizedExpression(node)) return false;
    if (node.questionDotToken !== undefined) return true;
    return (
      (is.isPropertyAccessExpression(node) || is.isCallExpression(node) || is.isElementAccessExpression(node)) && isInChain(node.expression)
    );
  }

  /** `a?.b().c`: the dot that follows must ask too, as `?.`, unless it becomes an argument. */
  function continues(node) {
    const { parent } = node;
    if (!is.isPropertyAccessExpression(parent) || parent.expression !== node || parent.questionDotToken !== undefined) return false;
    const owner = facts.ownerOf(parent);
    return owner === undefined || captured.method(owner, parent.name.text) === undefined;
  }

  function spreading(node) {
    const { expression, arguments: given } = node;
    const all = elements(given);
    if (is.isPropertyAccessExpression(expression)) {
      const owner = facts.ownerOf(expression);
      const method = owner === undefined ? undefined : use(captured.method(owner, expression.name.text));
      if (method !== undefined)
        return `${use('$applied')}(${method}, undefined, ${use('$lists')}([${emit(expression.expression)}], ${all}))`;
      const fixed = member(expression);
      if (fixed !== undefined) return `${use('$applied')}(${fixed}, undefined, ${all})`;
    }
    if (is.isIdentifier(expression)) return `${use('$applied')}(${emit(expression)}, undefined, ${all})`;
    return refuse(node, 'arguments are spread');
  }

  function made(node) {
    const given = node.arguments ?? [];
    if (given.some((each) => is.isSpreadElement(each))) return refuse(node, 'arguments are spread');
    const { expression } = node;
    if (raw(expression) === 'DataView' && facts.isGlobal(expression)) return `new ${use('$View')}(${args(emitAll(given))})`;
    if (given.length !== 1 || !is.isIdentifier(expression) || !facts.isGlobal(expression)) return undefined;
    if (expression.text === 'Map') return `${use('$mapOf')}(${emit(given[0])})`;
    if (expression.text === 'Set') return `${use('$setOf')}(${emit(given[0])})`;
    return undefined;
  }

  // ---- iteration

  function elements(nodes) {
    const parts = [];
    let plain = [];
    for (const node of nodes) {
      if (!is.isSpreadElement(node)) {
        plain.push(emit(node));
        continue;
      }
      if (plain.length > 0) parts.push(`[${plain.join(', ')}]`);
      plain = [];
      const spread = emit(node.expression);
      parts.push(facts.iterated(node.expression) === 'array' ? spread : `${use('$list')}(${spread})`);
    }
    if (plain.length > 0) parts.push(`[${plain.join(', ')}]`);
    // What `$list` gives is new already.
    return parts.length === 1 && parts[0].startsWith('$list(') ? parts[0] : `${use('$lists')}(${parts.join(', ')})`;
  }

  function loop(node) {
    if (node.awaitModifier !== undefined) return refuse(node, 'asynchronous iteration');
    const { initializer, expression, statement } = node;
    const kind = facts.iterated(expression);
    const [declaration] = initializer.declarations;
    const keyword = raw(initializer).split(/\s/, 1)[0];
    const bind = (value) => `${keyword} ${target(declaration.name)} = ${value};`;
    const body = emit(statement);
    const subject = emit(expression);
    if (kind === 'array') {
      const [array, index] = [temporary(), temporary()];
      return `for (let ${array} = ${subject}, ${index} = 0; ${index} < ${array}.length; ${index}++) { ${bind(`${array}[${index}]`)} ${body} }`;
    }
    if (kind !== undefined) {
      const [iterator, step] = [temporary(), temporary()];
      const entries = kind === 'Map' ? use(captured.method('Map', 'entries')) : kind === 'Set' ? use(captured.method('Set', 'values')) : '';
      return `for (let ${iterator} = ${entries}(${subject}), ${step}; !(${step} = ${use(NEXT[kind])}(${iterator})).done; ) { ${bind(`${step}.value`)} ${body} }`;
    }
    return `for (${keyword} ${target(declaration.name)} of ${use('$steps')}(${subject})) ${body}`;
  }

  /** `[a, ...rest] = list` */
  function declared(node) {
    const { name, initializer } = node;
    if (!is.isArrayBindingPattern(name) || initializer === undefined) return undefined;
    const rest = name.elements.at(-1);
    if (rest === undefined || is.isOmittedExpression(rest) || rest.dotDotDotToken === undefined) return undefined;
    const [whole, slice] = [temporary(), use(captured.method('Array', 'slice'))];
    const first = pattern({ elements: name.elements.slice(0, -1) });
    return `${whole} = ${emit(initializer)}, ${first} = ${whole}, ${emit(rest.name)} = ${slice}(${whole}, ${name.elements.length - 1})`;
  }

  /** What a value is bound to: `[a, , b]` becomes `{ 0: a, 2: b }`. */
  function target(name) {
    return is.isArrayBindingPattern(name) ? pattern(name) : emit(name);
  }

  function pattern(node) {
    const fields = [];
    for (const [index, element] of node.elements.entries()) {
      if (is.isOmittedExpression(element) || element.name === undefined) continue;
      if (element.dotDotDotToken !== undefined) return refuse(node, 'the rest of a list');
      const initial = element.initializer === undefined ? '' : ` = ${emit(element.initializer)}`;
      fields.push(`${index}: ${target(element.name)}${initial}`);
    }
    return `{ ${fields.join(', ')} }`;
  }

  /** As the argument of a method of a string. One for all calls: these set its `lastIndex` themselves. */
  function expression(node) {
    if (!is.isCallExpression(node.parent) || node.parent.expression === node) return undefined;
    const name = `$regexp${constants.length}`;
    constants.push(`${name} = ${use('$regexp')}(${raw(node)})`);
    return name;
  }

  // ---- Node's modules

  function importing(node) {
    const from = node.moduleSpecifier.text;
    const clause = node.importClause;
    if (from in PACKAGES)
      return `import { ${(clause.name ?? clause.namedBindings.elements[0].name).text} } from '${pathTo('/shared/packages.js')}';`;
    if (!from.startsWith('node:') || clause === undefined || /^import type\b/.test(raw(node))) return raw(node);
    const named = clause.namedBindings;
    if (clause.name !== undefined || named === undefined || !is.isNamedImports(named)) return refuse(node, 'a module as a whole');
    const specifiers = named.elements.map((each) => {
      if (/^type\s/.test(raw(each))) return raw(each);
      constants.push(`${each.name.text} = $${each.name.text}`);
      return `${(each.propertyName ?? each.name).text} as $${each.name.text}`;
    });
    return `import { ${specifiers.join(', ')} } from '${from}';`;
  }

  const RULES = {
    [SyntaxKind.Identifier]: (node) => (isReferenceHere(node) ? global(node) : undefined),
    [SyntaxKind.PropertyAccessExpression]: (node) => property(node),
    [SyntaxKind.CallExpression]: (node) => called(node),
    [SyntaxKind.NewExpression]: (node) => made(node),
    [SyntaxKind.ForOfStatement]: (node) => loop(node),
    [SyntaxKind.ArrayLiteralExpression]: (node) =>
      node.elements.some((each) => is.isSpreadElement(each)) ? elements(node.elements) : undefined,
    [SyntaxKind.VariableDeclaration]: (node) => declared(node),
    [SyntaxKind.ArrayBindingPattern]: (node) => pattern(node),
    [SyntaxKind.YieldExpression]: (node) =>
      node.asteriskToken === undefined ? undefined : `yield* ${use('$steps')}(${emit(node.expression)})`,
    [SyntaxKind.RegularExpressionLiteral]: (node) => expression(node),
    [SyntaxKind.ImportDeclaration]: (node) => importing(node),
    [SyntaxKind.ExportDeclaration]: (node) => raw(node),
  };

  function isReferenceHere(node) {
    const { parent } = node;
    if (is.isPropertyAccessExpression(parent)) return parent.expression === node;
    if (is.isShorthandPropertyAssignment(parent)) return true;
    return parent.name !== node && parent.propertyName !== node;
  }

  const body = inner(source);
  const head = used.size === 0 ? '' : `import { ${[...used].join(', ')} } from '${pathTo('/shared/captured.js')}';\n`;
  const kept = constants.length === 0 ? '' : `const ${constants.join(', ')};\n`;
  return place(body, head, kept);
}

/** Imports first, then what was kept of them: before the first statement that is none. */
function place(body, head, kept) {
  const last = [...body.matchAll(/^import [\s\S]*?;$/gm)].at(-1);
  const end = last === undefined ? 0 : last.index + last[0].length + 1;
  return head + body.slice(0, end) + kept + body.slice(end);
}
