/** Who calls the API in the benchmark; the application makes the account at its first start. */
export const administrator = { email: 'bench@example.test', password: 'a long enough password' };
