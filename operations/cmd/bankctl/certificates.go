package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
)

// certificateSettings are the flags of certificates.
type certificateSettings struct {
	folder, bank, suffix string
	hosts                []string
	apart                bool
}

var (
	bankOfCertificate   = regexp.MustCompile(`^([0-9]{3}|-)$`)
	suffixOfCertificate = regexp.MustCompile(`^[a-z0-9-]{0,16}$`)
)

func newCertificates(app *application) *cobra.Command {
	var s certificateSettings
	command := &cobra.Command{
		Use:   "certificates --out FOLDER PROGRAM...",
		Short: "Make a certificate authority and certificates of programs, for one machine or a rehearsal",
		Long: `Make PROGRAM.pem and PROGRAM.key for each program, and authority.pem, which signs
them. The folder must exist. An authority that is in it already signs again; the
programs' files are replaced, and running programs read them again.

With --apart each program has a folder of its own, FOLDER/PROGRAM, with a copy of
authority.pem: a program that sees only that cannot be another.

The key of the authority lies in the same folder, and whoever has it can be any
program. A bank has an authority of its own, and gives programs files of the same
form: the certificate has one URI, spiffe://codebank/BANK/PROGRAM.

With --suffix the names of files and folders end with it, and so does the name of
the host: the bank of code 002 may be reached as bank-002.

A certificate is valid for 30 days, for localhost, for the name of the program and
for the names of --host.`,
		Args: cobra.MinimumNArgs(1),
		RunE: work(func(_ context.Context, programs []string) error { return app.certificates(&s, programs) }),
	}
	flags := command.Flags()
	flags.StringVar(&s.folder, "out", "", "`folder` for the files")
	flags.StringVar(&s.bank, "of-bank", "001", "`code` of the bank that the programs belong to; - for none")
	flags.StringVar(&s.suffix, "suffix", "", "end of the `names` of files, folders and hosts, such as -002")
	flags.StringSliceVar(&s.hosts, "host", nil, "further `name` of the host of the programs; may be repeated")
	flags.BoolVar(&s.apart, "apart", false, "a folder of its own for each program")
	_ = command.MarkFlagRequired("out")
	_ = command.MarkFlagDirname("out")
	return command
}

func (a *application) certificates(s *certificateSettings, programs []string) error {
	if !bankOfCertificate.MatchString(s.bank) {
		return misused("of-bank", errors.New("a bank code is three digits; - is for none"))
	}
	if !suffixOfCertificate.MatchString(s.suffix) {
		return misused("suffix", errors.New("up to 16 of a-z 0-9 and -"))
	}
	for _, program := range programs {
		if _, err := mtls.ParseID(mtls.ID{Bank: s.bank, Program: program}.String()); err != nil {
			return &misuse{cause: fmt.Errorf("%q is no name of a program: 1 to 48 of a-z 0-9 . _ -", program)}
		}
	}
	if info, err := os.Stat(s.folder); err != nil || !info.IsDir() {
		return misused("out", errors.New("there is no such folder"))
	}
	issuer, err := authority.Open(s.folder)
	if err != nil {
		return err
	}
	for _, program := range programs {
		name := program + s.suffix
		options := authority.Options{Name: name, Hosts: append([]string{name}, s.hosts...)}
		if s.apart { // The folder tells the banks apart, so the file is called like the program.
			options.Folder, options.Name = name, program
		}
		files, err := issuer.Issue(mtls.ID{Bank: s.bank, Program: program}, options)
		if err != nil {
			return err
		}
		if a.printer().JSON() {
			err = a.printer().Object(map[string]string{"kind": "certificate", "name": files.Certificate, "action": "created"})
		} else {
			err = a.printer().Text("created " + files.Certificate + "\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
