// node --import shift-clock.mjs: a process whose Date is CLOCK_SHIFT_MS ahead of the machine's, as on a host whose clock is wrong.
const shift = Number(process.env.CLOCK_SHIFT_MS);
const TrueDate = Date;

globalThis.Date = class Date extends TrueDate {
  constructor(...given) {
    if (given.length === 0) super(TrueDate.now() + shift);
    else super(...given);
  }
  static now() {
    return TrueDate.now() + shift;
  }
};
