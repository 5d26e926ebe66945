package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/codepix/postgres"
)

// directoryCommands lists the commands of the directory. They act for the bank of --bank, by the same use cases as its
// calls.
const directoryCommands = "keys list, keys look-up KEY, keys create KIND [KEY], keys confirm KEY [CODE], keys delete KEY, keys check, " +
	"claims list, claims create KEY, claims end NAME consent|complete|cancel"

// acting is for whom a command of the directory acts.
type acting struct {
	requestID string
	account   directory.Holder
}

func (a *acting) bind(flags *flag.FlagSet) {
	flags.StringVar(&a.requestID, "request-id", "", "keys and claims: the id of a request that changes something; the same one again changes nothing")
	flags.StringVar(&a.account.AccountID, "account", "", "keys and claims: the account at the bank, a `UUID`")
	flags.StringVar(&a.account.Name, "holder-name", "", "keys and claims: the `name` of the account's holder")
	flags.StringVar(&a.account.Document, "holder-document", "", "keys and claims: his `CPF`")
}

// parameters are how many words each command has behind its name, at least and at most.
var parameters = map[string][2]int{
	"keys list": {}, "keys look-up": {1, 1}, "keys create": {1, 2}, "keys confirm": {1, 2}, "keys delete": {1, 1}, "keys check": {},
	"claims list": {}, "claims create": {1, 1}, "claims end": {2, 2},
}

// isDirectoryCommand reports whether words are a command of the directory.
func isDirectoryCommand(words []string) bool {
	if len(words) < 2 {
		return false
	}
	count, known := parameters[words[0]+" "+words[1]]
	return known && len(words)-2 >= count[0] && len(words)-2 <= count[1]
}

// directoryCommand does one command. It needs the file of the banks, for digests.
func directoryCommand(ctx context.Context, config *config, store *postgres.Store, stdout io.Writer) error {
	known, err := banks.Open(config.banksFile)
	if err != nil {
		return err
	}
	d := &desk{settings: &config.directory, store: store, banks: known, logger: slog.New(slog.DiscardHandler)}
	if err := d.open(ctx); err != nil {
		return err
	}
	if _, takesPart := known.Bank(config.list.bank); !takesPart {
		return fmt.Errorf("--bank: %w", directory.ErrNoBank)
	}
	clerk := clerk{Service: d.calls.Service, bank: config.list.bank, acting: &config.acting, out: tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)}
	if err := clerk.do(ctx, config.words[0]+" "+config.words[1], config.words[2:]); err != nil {
		return err
	}
	return clerk.out.Flush()
}

// clerk does commands for a bank.
type clerk struct {
	*directory.Service
	bank   string
	acting *acting
	out    *tabwriter.Writer
}

// do does a command and prints what became of it.
func (c *clerk) do(ctx context.Context, command string, words []string) error {
	words = append(words, "", "") // What is left out is empty.
	switch command {
	case "keys list":
		return c.listKeys(ctx)
	case "keys look-up":
		answer, err := c.LookUpKey(ctx, c.bank, directory.LookUp{Text: words[0]})
		return c.show(answer.Entry, err)
	case "keys create":
		entry, err := c.CreateKey(ctx, c.bank, c.registration(kindNamed(words[0]), words[1]))
		return c.show(entry, err)
	case "keys confirm":
		entry, err := c.ConfirmKey(ctx, c.bank, &directory.Confirmation{Text: words[0], AccountID: c.acting.account.AccountID, Code: words[1]})
		return c.show(entry, err)
	case "keys delete":
		return c.DeleteKey(ctx, c.bank, &directory.Deletion{RequestID: c.acting.requestID, Text: words[0], AccountID: c.acting.account.AccountID})
	case "keys check":
		return c.check(ctx)
	case "claims list":
		return c.listClaims(ctx)
	case "claims create":
		claim, err := c.CreateClaim(ctx, c.bank, c.registration(0, words[0]))
		return c.showClaim(&claim, err)
	}
	claim, err := c.EndClaim(ctx, c.bank, words[0], endNamed(words[1]))
	return c.showClaim(&claim, err)
}

func (c *clerk) registration(kind key.Kind, text string) *directory.Registration {
	return &directory.Registration{RequestID: c.acting.requestID, Kind: kind, Text: text, Account: c.acting.account}
}

// kindNamed returns the kind of a name, or one that does not exist.
func kindNamed(name string) key.Kind {
	for _, kind := range key.Kinds() {
		if strings.EqualFold(kind.String(), name) {
			return kind
		}
	}
	return ^key.Kind(0)
}

// endNamed returns what is done to a claim, or nothing.
func endNamed(name string) directory.End {
	return map[string]directory.End{"consent": directory.Consent, "complete": directory.Complete, "cancel": directory.Cancel}[name]
}

// show prints an entry. A holder is masked, because a terminal's lines are kept.
func (c *clerk) show(e directory.Entry, err error) error {
	if err == nil {
		state := map[directory.State]string{directory.Pending: "PENDING", directory.Active: "ACTIVE"}[e.State]
		fmt.Fprintf(c.out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Key.Kind, e.Key.Text, state, e.Account.BankCode, e.Account.AccountID,
			key.MaskName(e.Account.HolderName), e.CreatedAt.Format(time.RFC3339))
	}
	return err
}

func (c *clerk) listKeys(ctx context.Context) error {
	fmt.Fprintln(c.out, "KIND\tKEY\tSTATE\tBANK\tACCOUNT\tHOLDER\tCREATED")
	for after, more := (directory.Place{}), true; more; {
		entries, goesOn, err := c.ListKeys(ctx, c.bank, directory.List{AccountID: c.acting.account.AccountID}, after)
		if err != nil {
			return err
		}
		for _, e := range entries {
			_ = c.show(e, nil)
			after = directory.Place{Key: e.Key, Account: e.Account.AccountID}
		}
		more = goesOn
	}
	return nil
}

func (c *clerk) showClaim(claim *directory.Claim, err error) error {
	if err == nil {
		fmt.Fprintf(c.out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", claim.Name(), claim.Key.Kind, claim.Key.Text, claim.State,
			claim.Donor.BankCode, claim.Claimer.BankCode, at(claim.ResolveAt))
	}
	return err
}

func (c *clerk) listClaims(ctx context.Context) error {
	fmt.Fprintln(c.out, "CLAIM\tKIND\tKEY\tSTATE\tDONOR\tCLAIMER\tRESOLVES")
	for before, more := (directory.ClaimPlace{}), true; more; {
		claims, goesOn, err := c.ListClaims(ctx, c.bank, directory.List{AccountID: c.acting.account.AccountID}, before)
		if err != nil {
			return err
		}
		for i := range claims {
			_ = c.showClaim(&claims[i], nil)
			before = directory.ClaimPlace{CreatedAt: claims[i].CreatedAt, ID: claims[i].ID}
		}
		more = goesOn
	}
	return nil
}

// check compares the bank's digests with its keys. A difference that a change makes while it is looked for is none, so
// it is looked for again.
func (c *clerk) check(ctx context.Context) error {
	differences, err := c.CheckTallies(ctx, c.bank)
	if err == nil && len(differences) > 0 {
		differences, err = c.CheckTallies(ctx, c.bank)
	}
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Fprintf(c.out, "%s\t%d keys, and %d in the digest\t%x\t%x\n", d.Kind, d.Counted.Count, d.Kept.Count, d.Counted.Digest, d.Kept.Digest)
	}
	if len(differences) > 0 {
		return fmt.Errorf("the digests of bank %s are not those of its keys", c.bank)
	}
	fmt.Fprintf(c.out, "the digests of bank %s are those of its keys\n", c.bank)
	return nil
}
