import { nearestName } from './nearest-name.js';

describe('the nearest name', () => {
  const names = ['migrate', 'provision', 'start', 'worker'];
  it.each([
    ['migrat', 'migrate'],
    ['MIGRATE', 'migrate'],
    ['wroker', 'worker'],
    ['stat', 'start'],
    ['drop-everything', undefined],
    ['', undefined],
  ])('to "%s" is %s', (written, meant) => expect(nearestName(written, names)).toBe(meant));
});
