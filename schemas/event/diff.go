package event

import "fmt"

// FieldDifference is one field in which two copies of an event differ.
type FieldDifference struct {
	// Field is the name of the field on the wire.
	Field string
	// A and B are the values in the first and in the second copy.
	A, B Value
}

// String returns the difference as text for people.
func (d FieldDifference) String() string {
	return fmt.Sprintf("%s: %s, %s", d.Field, d.A, d.B)
}

// Diff returns every field in which a and b differ, in the order of the schema. The
// result is empty if they are equal.
func Diff(a, b *Transaction) []FieldDifference {
	var differences []FieldDifference
	for i := range fields {
		if left, right := fields[i].get(a), fields[i].get(b); left != right {
			differences = append(differences, FieldDifference{Field: fields[i].Name, A: left, B: right})
		}
	}
	return differences
}
