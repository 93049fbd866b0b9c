import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { OutgoingHttp } from './outgoing-http.js';

@Global()
@Module({
  providers: [
    {
      provide: OutgoingHttp,
      inject: [CONFIG],
      useFactory: ({ outgoing }: Config) => new OutgoingHttp({ unsafe: outgoing.unsafe }),
    },
  ],
  exports: [OutgoingHttp],
})
export class OutgoingHttpModule implements OnApplicationShutdown {
  constructor(@Inject(OutgoingHttp) private readonly client: OutgoingHttp) {}

  async onApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}
