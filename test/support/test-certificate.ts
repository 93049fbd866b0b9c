/** A self-signed certificate for `carillon.test`, valid until 2126, for servers that tests start themselves. It guards nothing. */
export const testCertificate = {
  name: 'carillon.test',
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV0h6Tjv9ydJQEbpl
s9XYqjecyVhSfxoroqq1m+JK2AehRANCAAS4NRM8rUNT4I8zd49AeMwo16ea8Huy
B/zVzmR/f33HX9KoYw/piwCzwCRky2kkXiZaMZ168FnMtD2S9mUjvPdu
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBoDCCAUegAwIBAgIUCgeveB6Ciz+ByZ8m8s8NMYg5gmYwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNY2FyaWxsb24udGVzdDAgFw0yNjExMjIwNTEwMjNaGA8yMTI2
MTAyOTA1MTAyM1owGDEWMBQGA1UEAwwNY2FyaWxsb24udGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABLg1EzytQ1PgjzN3j0B4zCjXp5rwe7IH/NXOZH9/fcdf
0qhjD+mLALPAJGTLaSReJloxnXrwWcy0PZL2ZSO8926jbTBrMB0GA1UdDgQWBBTs
eTzXhsV/S3DSfJDBt9m6ZsgydjAfBgNVHSMEGDAWgBTseTzXhsV/S3DSfJDBt9m6
ZsgydjAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDWNhcmlsbG9uLnRlc3Qw
CgYIKoZIzj0EAwIDRwAwRAIgRxl7mSTegxYw5A4j7GvXsCM04ZGyDxZCk4GMU9YW
sxUCIB+wHra5/6c1txOljJQu3hKuQ2Qq3XnyBcxm+kPArWz1
-----END CERTIFICATE-----`,
};
