import { Controller, Get, Module, Post } from '@nestjs/common';
import { Public } from '../../../src/platform/http/index.js';
import { createTestApp } from '../../support/test-app.js';

@Controller('forgotten')
class ForgottenController {
  @Get('open')
  @Public()
  open() {}

  @Post(':id/act')
  act() {}
}
@Module({ controllers: [ForgottenController] })
class ForgottenModule {}

it('does not start with a route that does not say who may call it', async () => {
  await expect(
    createTestApp({ empty: true, environment: { ADMIN_PASSWORD: 'nobody signs in here' }, modules: [ForgottenModule] }),
  ).rejects.toThrow(
    'These routes do not say who may call them (@Public, @RequireRole or @AllowScope): ForgottenController.act (POST /forgotten/:id/act)',
  );
});
