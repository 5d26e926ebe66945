package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
)

// bindTLS defines the flags of calls to the bank's programs.
func (a *application) bindTLS(flags *pflag.FlagSet) {
	flags.StringVar(&a.tls.Certificate, "tls-certificate", "", "`file` with the certificate (PEM) with which bankctl calls the bank's programs, such as an operator's; without it they are called in plain text")
	flags.StringVar(&a.tls.Key, "tls-key", "", "`file` with the key (PEM) of that certificate")
	flags.StringVar(&a.tls.Authority, "tls-authority", "", "`file` with the authorities (PEM) that the certificates of the bank's programs must be from")
	flags.StringVar(&a.tls.Denied, "tls-denied", "", "`file` with certificates of the bank's programs that are not taken; it may be missing")
}

// files returns the files of TLS; nil without settings.
func (a *application) files() (*mtls.Files, error) {
	if a.tls.IsZero() {
		return nil, nil
	}
	files, err := mtls.Open(a.tls)
	if err != nil {
		return nil, &misuse{cause: err}
	}
	return files, nil
}

// unencrypted adds to the error of a call that reached no program that the program may speak TLS, if
// bankctl has no settings for TLS.
func (a *application) unencrypted(err error) error {
	if !a.tls.IsZero() || fault.CodeOf(err) != fault.Unavailable {
		return err
	}
	return fmt.Errorf("%w; without --tls-certificate the call was in plain text, and a program that speaks TLS needs "+
		"--tls-certificate, --tls-key and --tls-authority", err)
}
