/** The part of autocannon 8 that the benchmark uses; it ships no types. */
declare module 'autocannon' {
  export interface Result {
    requests: { average: number; total: number };
    latency: { p50: number; p97_5: number; p99: number };
    non2xx: number;
    errors: number;
  }
  export interface Options {
    url: string;
    method: string;
    connections: number;
    duration: number;
    headers: Record<string, string>;
    body?: string;
  }
  export default function autocannon(options: Options): Promise<Result>;
}
