package event

import (
	"fmt"
	"sync"

	"codebank.dev/schemas"
)

// column is a field as one version of the schema has it.
type column struct {
	*field
	bound schemas.Bound
	// known is how many of the field's symbols the version has. A later version only
	// appends symbols, so they are the first ones.
	known int
}

// symbol returns the number of a symbol on the wire. A symbol that is newer than the
// version is UNKNOWN, which is the first symbol of every enum.
func (c *column) symbol(symbol string) (number int, known bool) {
	for i, s := range c.symbols {
		if s != symbol {
			continue
		}
		if i >= c.known {
			i = 0
		}
		return i, true
	}
	return 0, false
}

// versions are the columns of each version, the first version first. They are those of the
// schemas, so that no list here repeats since when there is a field or a symbol.
var versions = sync.OnceValues(func() ([][]column, error) {
	list := make([][]column, NewestVersion)
	for i := range list {
		record, err := parseVersion(i + 1)
		if err != nil {
			return nil, err
		}
		limits, err := schemas.Bounds(subjectFolder)
		if err != nil {
			return nil, err
		}
		for _, described := range record.Fields() {
			c := column{field: fieldNamed(described.Name())}
			bound, bounded := limits[described.Name()]
			if c.field == nil || !bounded {
				return nil, fmt.Errorf("event: field %s is unknown or has no bound", described.Name())
			}
			c.bound = bound
			if enum := enumOf(described.Type()); enum != nil {
				c.known = len(enum.Symbols())
			}
			list[i] = append(list[i], c)
		}
	}
	return list, nil
})

// columnsOf returns the columns of a version.
func columnsOf(version int) ([]column, error) {
	if version < 1 || version > NewestVersion {
		return nil, fmt.Errorf("event: no version %d of the transaction's schema", version)
	}
	all, err := versions()
	if err != nil {
		return nil, err
	}
	return all[version-1], nil
}

// AsOf changes t into what an event in a version of the schema says of it: a field that is
// newer than the version is null, and a symbol that is newer is UNKNOWN. It is an error if
// the version does not exist.
func (t *Transaction) AsOf(version int) error {
	columns, err := columnsOf(version)
	if err != nil {
		return err
	}
	for i := range columns {
		c := &columns[i]
		if c.known == len(c.symbols) {
			continue
		}
		if value := c.get(t); value.Type != 0 {
			if number, known := c.symbol(value.Text); known {
				c.set(t, TextValue(c.symbols[number]))
			}
		}
	}
	for i := len(columns); i < len(fields); i++ {
		fields[i].set(t, Value{})
	}
	return nil
}
