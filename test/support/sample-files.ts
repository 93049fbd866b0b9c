/** A CSV of so many rows, made in pieces so that a large one costs no more than itself. */
export function orders(rows: number): Blob {
  const parts = ['order_no,customer,ordered_on,amount,paid\n'];
  for (let i = 1; i <= rows; i++) {
    const day = String(1 + (i % 28)).padStart(2, '0');
    parts.push(
      `${i},"Customer ${i % 977}, Inc.",2026-0${1 + (i % 9)}-${day},${(i * 1.37).toFixed(2)},${i % 3 === 0}\n`,
    );
  }
  return new Blob(parts, { type: 'text/csv' });
}
