import { describe, expect, test } from 'bun:test';
import { matches, portOf, slugOf, summaryOf } from '../src/index';

test('a slug has nothing that a URL would have to escape', () => {
  expect(slugOf('Crème brûlée: 2 ways!')).toBe('creme-brulee-2-ways');
});

test('reading takes a minute for each two hundred words', () => {
  const minutes = (words: number) => summaryOf({ title: 'T', text: 'word '.repeat(words) }).minutes;
  expect([0, 10, 400, 510].map(minutes)).toEqual([1, 1, 2, 3]);
});

describe('a query', () => {
  const summary = summaryOf({ title: 'Monthly report', text: '' });
  test('finds beginnings of words, in any order', () => {
    expect(matches(summary, 'Rep mon')).toBe(true);
    expect(matches(summary, 'port')).toBe(false);
  });
  test('of nothing finds everything', () => {
    expect(matches(summary, ' ')).toBe(true);
  });
});

test('a port is a number, or not given', () => {
  expect(portOf(undefined, 3001)).toBe(3001);
  expect(portOf('80', 3001)).toBe(80);
  expect(() => portOf('http', 3001)).toThrow('no port');
});
