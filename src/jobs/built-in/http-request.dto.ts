import {
  Allow,
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
} from 'class-validator';

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export class HttpRequestPayload {
  /**
   * Its host must be in HTTP_REQUEST_ALLOWED_HOSTS.
   * @example https://api.example.com/reports/refresh
   */
  @IsString()
  @Length(1, 2_000)
  url!: string;

  @IsIn(httpMethods)
  method!: (typeof httpMethods)[number];

  /** Name → value. No credentials: payloads are stored and shown, so those stand in HTTP_REQUEST_HEADERS. */
  @IsOptional()
  @IsObject()
  headers?: Record<string, string>;

  /** Text, sent as it is; or an object or array, sent as JSON. */
  @IsOptional()
  @Allow()
  body?: unknown;

  /** For the whole call; 30 where left out. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(300)
  timeoutSeconds?: number;

  /** Answers that count as done; any 2xx where left out. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(20)
  @IsInt({ each: true })
  @Min(200, { each: true })
  @Max(599, { each: true })
  expectStatus?: number[];
}
