package chaos

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// searchedCards is how many card numbers are searched for in everything that is stored.
const searchedCards = 40

// cardNumbers returns the numbers of the cards that were used first, in the forms in which a
// number could be written.
func (r *run) cardNumbers() []string {
	var forms []string
	for _, c := range r.load.cards.issued() {
		number := c.data.GetNumber()
		if len(forms) >= 3*searchedCards || len(number) < 13 {
			continue
		}
		forms = append(forms, number, inGroups(number, " "), hex.EncodeToString([]byte(number)))
	}
	for _, c := range testCards {
		forms = append(forms, c.number, inGroups(c.number, " "), hex.EncodeToString([]byte(c.number)))
	}
	return append(forms, unissuedNumber)
}

// securityCode is how a text would name a security code. Three digits alone are in every file, and behind the bare
// name they are now and then in what is sealed.
const securityCode = `(cvv|cvc|security_?code)["' ]*[:=]["' ]*[0-9]{3}`

var securityCodeName = regexp.MustCompile("(?i)" + securityCode)

// inGroups returns a card number in groups of four digits.
func inGroups(number, separator string) string {
	return number[:4] + separator + number[4:8] + separator + number[8:12] + separator + number[12:]
}

// checkSecrets sends card numbers in texts, which must be refused, and calls with access tokens, right and
// wrong. It then searches every table, topic and log, and the index, for card numbers, and all but the index
// for tokens and keys, which must not be in the list of processes either.
func (r *run) checkSecrets(ctx context.Context) (string, error) {
	planted := r.plantNumbers(ctx) + r.plantCharges(ctx)
	numbers := r.cardNumbers()
	secrets, err := r.secrets(ctx)
	if err != nil {
		return "", err
	}
	tables, err := r.searchTables(ctx, numbers, secrets)
	if err != nil {
		return "", err
	}
	records, err := r.searchTopics(ctx, numbers, secrets)
	if err != nil {
		return "", err
	}
	if err := r.searchIndex(ctx, numbers); err != nil {
		return "", err
	}
	files, err := r.searchLogs(numbers, secrets)
	if err == nil {
		err = r.searchProcesses(secrets)
	}
	return fmt.Sprintf("%d ways to write the numbers of cards, in %d tables, %d records of all topics, %d logs and the index; %d requests with a number in a text were refused; %d tokens, keys and API secrets, in the same and in the list of processes",
		len(numbers), tables, records, files, planted, len(secrets)), err
}

// searchTables searches the text of every row: for numbers by one expression, and for secrets as parts of the
// text, because long ones in the expression would cost many times as much.
func (r *run) searchTables(ctx context.Context, numbers, secrets []string) (tables int, err error) {
	pattern := strings.Join(numbers, "|")
	parts := make([]string, len(secrets))
	for i, secret := range secrets {
		parts[i] = "%" + strings.ReplaceAll(secret, "_", `\_`) + "%"
	}
	for _, database := range []string{launch.LedgerDatabase, launch.StatementDatabase, launch.CheckoutDatabase, launch.IdentityDatabase, launch.GatewayDatabase} {
		connection, err := r.system.database(ctx, database)
		if err != nil {
			return 0, err
		}
		names, err := tablesOf(ctx, connection)
		for _, name := range names {
			var found int64
			if err == nil {
				err = connection.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM %q r WHERE r::text ~ $1 OR r::text LIKE ANY($2) OR r::text ~* $3", name), pattern, parts, securityCode).Scan(&found)
			}
			if found > 0 {
				r.load.observed.report("I17", "%d rows of %s.%s hold a card number or a secret", found, database, name)
			}
			tables++
		}
		_ = connection.Close(ctx)
		if err != nil {
			return 0, err
		}
	}
	return tables, nil
}

func tablesOf(ctx context.Context, connection *pgx.Conn) ([]string, error) {
	rows, err := connection.Query(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (r *run) searchTopics(ctx context.Context, numbers, secrets []string) (records int64, err error) {
	topics, err := r.sinks.admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return 0, err
	}
	for _, topic := range topics.Names() {
		err := pipes.ReadAll(ctx, r.sinks.broker, func(record *kgo.Record) {
			records++
			parts := [][]byte{record.Key, record.Value}
			for _, header := range record.Headers {
				parts = append(parts, header.Value)
			}
			for _, part := range parts {
				if containsNumber(part, numbers) || contains(part, secrets) || topic == chargesTopic && securityCodeName.Match(part) {
					r.load.observed.report("I17", "%s/%d/%d holds a card number or a secret", topic, record.Partition, record.Offset)
				}
			}
		}, topic)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", topic, err)
		}
	}
	return records, nil
}

func (r *run) searchIndex(ctx context.Context, numbers []string) error {
	for _, number := range numbers {
		found, err := r.index().Count(ctx, fmt.Sprintf(`{"multi_match": {"query": %q, "fields": ["*"], "lenient": true}}`, number))
		if err != nil {
			return err
		}
		if found > 0 {
			r.load.observed.report("I17", "%d documents hold a card number", found)
		}
	}
	return nil
}

func (r *run) searchLogs(numbers, secrets []string) (files int, err error) {
	logs, err := filepath.Glob(filepath.Join(r.system.stack.Dir(), "logs", "*.log"))
	if err != nil {
		return 0, err
	}
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		if containsNumber(content, numbers) || contains(content, secrets) || securityCodeName.Match(content) {
			r.load.observed.report("I17", "the log %s holds a card number or a secret", filepath.Base(path))
		}
	}
	return len(logs), nil
}

// fewestDigits is the fewest digits in a row that can contain a card number.
const fewestDigits = 12

// containsNumber reports whether a text contains one of the numbers. Most texts have too few
// digits in a row and are not searched.
func containsNumber(text []byte, numbers []string) bool {
	run, enough := 0, false
	for _, b := range text {
		switch {
		case b >= '0' && b <= '9':
			run++
			enough = enough || run >= fewestDigits
		case b != ' ':
			run = 0
		}
	}
	if !enough {
		return false
	}
	return contains(text, numbers)
}

func contains(text []byte, secrets []string) bool {
	for _, secret := range secrets {
		if bytes.Contains(text, []byte(secret)) {
			return true
		}
	}
	return false
}
