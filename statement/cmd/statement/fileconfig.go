package main

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"codebank.dev/platform/mail"
	"codebank.dev/statement/files"
)

// fileConfig has the settings of files.
type fileConfig struct {
	workers  int
	smtp     *mail.Server
	mailFrom string
	pagesURL string
	// requestKeys is the file with the keys of programs that ask by the topic; empty: nobody does.
	requestKeys string
	// requestPatience is how long a request by the topic may wait until it is admitted.
	requestPatience time.Duration
}

// bindFiles adds the settings of files to the flags. check reads them when they are parsed.
func (c *config) bindFiles(flags *flag.FlagSet) (check func() error) {
	flags.IntVar(&c.files.workers, "file-workers", 2, "how many long files are made at a time; each takes up to some 20 MiB")
	flags.DurationVar(&c.database.FileRetention, "file-retention", files.Retention, "how long the content of a file is kept after it is ready")
	smtp := flags.String("smtp-url", "", "the mail server that announces files: smtp://USER:PASSWORD@HOST:587 or smtps://…:465; empty: files are not announced; a secret: prefer STATEMENT_SMTP_URL_FILE")
	flags.StringVar(&c.files.mailFrom, "mail-from", "Code Bank <no-reply@localhost.localdomain>", "the sender of e-mails")
	flags.StringVar(&c.files.pagesURL, "pages-url", "", "begins the links in e-mails, /v1/accounts/ID/files/ID:download; empty: e-mails have the name of the file and no link")
	flags.StringVar(&c.files.requestKeys, "request-keys", "", "`file` with the keys of the programs that may ask for files by the topic statement-<code>.requests.v1, mode 0600; it is read again when it changes. Make it with `bankctl command-keys add`. Empty: nobody may; needs --kafka-brokers")
	flags.DurationVar(&c.files.requestPatience, "request-patience", files.RequestPatience, "how long a request by the topic waits for its account, and for other files of its owner, before it has failed; 1s to 12h")
	return func() error {
		switch {
		case c.files.requestPatience < time.Second || c.files.requestPatience > maxRequestPatience:
			return errors.New("--request-patience: 1s to 12h")
		case c.files.requestKeys != "" && len(c.brokers) == 0:
			return errors.New("--request-keys: --kafka-brokers is required too")
		case c.files.workers < 1 || c.files.workers > maxFileWorkers:
			return fmt.Errorf("--file-workers: 1 to %d", maxFileWorkers)
		case c.database.FileRetention <= 0:
			return errors.New("--file-retention must be positive")
		case *smtp == "":
			return nil
		}
		server, err := mail.ParseServer(*smtp)
		c.files.smtp = &server
		return err
	}
}

// maxRequestPatience is less than a day, after which a file that is not made has failed anyway.
const maxRequestPatience = 12 * time.Hour

// maxFileWorkers bounds the memory that files take.
const maxFileWorkers = 64
