/**
 * What the captured code of dist/ calls in place of syntax that looks something up: the first part of dist/shared/captured.js.
 * The second part (captured.js) is the functions that were captured.
 */
import { types } from 'node:util';

const { apply, defineProperty, ownKeys, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
const { isArray } = Array;
const { isMap, isSet, isGeneratorObject, isMapIterator, isSetIterator } = types;
const { call, bind } = Function.prototype;
const [NativeMap, NativeSet, NativePromise] = [Map, Set, Promise];
const arrayIterator = getPrototypeOf([][Symbol.iterator]());
const generator = getPrototypeOf(
  function* () {
    yield;
  }.prototype,
);
const regexp = RegExp.prototype;
const iteratorKey = Symbol.iterator;

/** A method as a function whose first argument is its `this`. Optimised code calls it as fast as the method. */
const uncurry = apply(bind, bind, [call]);

/** Undefined where this version of Node does not have it. */
export const method = (take) => {
  const found = take();
  return typeof found === 'function' ? uncurry(found) : undefined;
};
export const getter = (take, key) => {
  for (let prototype = take(); ; prototype = getPrototypeOf(prototype)) {
    const found = getOwnPropertyDescriptor(prototype, key);
    if (found !== undefined) return uncurry(found.get);
  }
};
export const bound = (owner, key) => {
  const self = owner();
  return apply(bind, self[key], [self]);
};
export const value = (take) => take();

/** Has its methods on a prototype of its own. V8 makes an instruction of each, which it does not do for a captured function. */
export class $View extends DataView {}
for (const key of ownKeys(DataView.prototype)) {
  if (key !== 'constructor') defineProperty($View.prototype, key, getOwnPropertyDescriptor(DataView.prototype, key));
}

const mapEntries = uncurry(Map.prototype.entries);
const setValues = uncurry(Set.prototype.values);
export const $nextOfMap = uncurry(getPrototypeOf(new Map().keys()).next);
export const $nextOfSet = uncurry(getPrototypeOf(new Set().keys()).next);
export const $nextOfArray = uncurry(arrayIterator.next);
const nextOfGenerator = uncurry(generator.next);
const returnOfGenerator = uncurry(generator.return);
const push = uncurry(Array.prototype.push);
const mapSet = uncurry(Map.prototype.set);
const setAdd = uncurry(Set.prototype.add);
const then = uncurry(Promise.prototype.then);
const promiseResolve = apply(bind, Promise.resolve, [Promise]);

/** An iterator that finds its methods on itself. */
class Steps {
  #iterator;
  #next;
  constructor(iterator, next) {
    this.#iterator = iterator;
    this.#next = next;
  }
  next() {
    return this.#next(this.#iterator);
  }
  return(result) {
    if (isGeneratorObject(this.#iterator)) return returnOfGenerator(this.#iterator, result);
    return { done: true, value: result };
  }
  [iteratorKey]() {
    return this;
  }
}

class Elements {
  #list;
  #index = 0;
  constructor(list) {
    this.#list = list;
  }
  next() {
    if (this.#index >= this.#list.length) return { done: true, value: undefined };
    return { done: false, value: this.#list[this.#index++] };
  }
  [iteratorKey]() {
    return this;
  }
}

/** The iterator of something that JavaScript has built in, or of a class of our own that has a generator. */
export function $steps(iterable) {
  if (isArray(iterable)) return new Elements(iterable);
  if (isMap(iterable)) return new Steps(mapEntries(iterable), $nextOfMap);
  if (isSet(iterable)) return new Steps(setValues(iterable), $nextOfSet);
  if (isMapIterator(iterable)) return new Steps(iterable, $nextOfMap);
  if (isSetIterator(iterable)) return new Steps(iterable, $nextOfSet);
  if (isGeneratorObject(iterable)) return new Steps(iterable, nextOfGenerator);
  if (typeof iterable === 'object' && getPrototypeOf(iterable) === arrayIterator) return new Steps(iterable, $nextOfArray);
  const iterator = iterable[iteratorKey]();
  return isGeneratorObject(iterator) ? new Steps(iterator, nextOfGenerator) : iterator;
}

/** `[...iterable]` */
export function $list(iterable) {
  const all = [];
  if (isArray(iterable)) for (let i = 0; i < iterable.length; i++) push(all, iterable[i]);
  else for (const each of $steps(iterable)) push(all, each);
  return all;
}

/** `[...lists[0], ...lists[1]]` */
export function $lists(...all) {
  const joined = [];
  for (let i = 0; i < all.length; i++) for (let j = 0; j < all[i].length; j++) push(joined, all[i][j]);
  return joined;
}

/** What `String.prototype.replace` and its like look up of a regular expression is on that itself. */
export function $regexp(expression) {
  for (const key of ownKeys(regexp)) {
    if (key !== 'constructor') defineProperty(expression, key, { value: expression[key] });
  }
  return expression;
}

/** `maybe?.method(…)` */
export const $maybe = (value, run) => (value === undefined || value === null ? undefined : run(value));

/** `fn(...args)` */
export const $applied = (fn, self, args) => apply(fn, self, args);

export function $mapOf(entries) {
  const map = new NativeMap();
  const all = $list(entries);
  for (let i = 0; i < all.length; i++) mapSet(map, all[i][0], all[i][1]);
  return map;
}
export function $setOf(members) {
  const set = new NativeSet();
  const all = $list(members);
  for (let i = 0; i < all.length; i++) setAdd(set, all[i]);
  return set;
}

export const $catch = (promise, onRejected) => then(promise, undefined, onRejected);
export function $finally(promise, onFinally) {
  if (typeof onFinally !== 'function') return then(promise, onFinally, onFinally);
  const after = (outcome) => then(promiseResolve(onFinally()), outcome);
  return then(
    promise,
    (value) => after(() => value),
    (reason) =>
      after(() => {
        throw reason;
      }),
  );
}

/** `Promise.all` and `Promise.allSettled` look `resolve` and `then` up. */
function together(promises, record, onRejected) {
  return new NativePromise((resolve, reject) => {
    const all = $list(promises);
    const results = $list(all);
    // `resolve` asks for it: it must not find one that the program has put on a prototype.
    defineProperty(results, 'then', { __proto__: null, value: undefined });
    let left = all.length;
    const done = (index, result) => {
      results[index] = result;
      if (--left === 0) resolve(results);
    };
    if (left === 0) resolve(results);
    for (let i = 0; i < all.length; i++) {
      then(
        promiseResolve(all[i]),
        (value) => done(i, record(value)),
        onRejected === undefined ? reject : (reason) => done(i, onRejected(reason)),
      );
    }
  });
}
export const $promiseAll = (promises) => together(promises, (value) => value);
export const $promiseAllSettled = (promises) =>
  together(
    promises,
    (value) => ({ status: 'fulfilled', value }),
    (reason) => ({ status: 'rejected', reason }),
  );
