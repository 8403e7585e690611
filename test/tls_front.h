/* A front that ends TLS: it passes what it decrypts to a plain port of this machine, and back. The
 * certificate is for 127.0.0.1, made anew each time and signed by itself. */
#ifndef TEST_TLS_FRONT_H
#define TEST_TLS_FRONT_H

/* Starts a front before `port` in a child process, which ends with this one. The certificate is
 * written to `certificate` (PEM). Returns the front's port; failures end the running test. */
int tls_front_start(int port, const char *certificate);

#endif
