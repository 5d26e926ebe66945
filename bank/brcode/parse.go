package brcode

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"codebank.dev/platform/fault"
)

// Parse reads the text of a code. Spaces and line ends around it are ignored, because a text that is pasted often has
// them. Anything else that a BR Code does not allow is INVALID_ARGUMENT with the name of the field: above all a wrong
// checksum, which is checked before any field is read. Fields that mean nothing for a payment are skipped, such as a
// postal code or a name in another language.
func Parse(text string) (*Code, error) {
	text = strings.TrimSpace(text)
	if err := checkWhole(text); err != nil {
		return nil, err
	}
	elements, err := split(fieldCode, text)
	if err != nil {
		return nil, err
	}
	code := new(Code)
	if err := code.take(elements); err != nil {
		return nil, err
	}
	if err := code.check(); err != nil {
		return nil, err
	}
	return code, nil
}

// checkWhole checks the text before its fields: length, characters, first field, checksum.
func checkWhole(text string) error {
	switch {
	case text == "":
		return fault.Invalid(fieldCode, "This field is required.")
	case len(text) > MaxText:
		return fault.Invalid(fieldCode, "The text is too long for a BR Code.")
	case !utf8.ValidString(text):
		return fault.Invalid(fieldCode, "The text is not UTF-8.")
	case !strings.HasPrefix(text, idFormat):
		return fault.Invalid(fieldFormat, "The text is no BR Code. A BR Code begins with 000201.")
	}
	body, sum := text[:max(0, len(text)-checksumLength)], text[max(0, len(text)-checksumLength):]
	if !strings.HasSuffix(body, checksumHead) {
		return fault.Invalid(fieldChecksum, "The code does not end with a checksum. Part of it may be missing.")
	}
	if !strings.EqualFold(sum, checksum(body)) {
		return fault.Invalid(fieldChecksum, "The checksum is wrong. Copy the whole code again.")
	}
	return nil
}

// take sets the values of a code from its fields.
func (c *Code) take(elements []element) error {
	if elements[len(elements)-1].id != idChecksum {
		return fault.Invalid(fieldChecksum, "The checksum is not the last field.")
	}
	values := make(map[string]string, len(elements))
	for _, e := range elements {
		values[e.id] = e.value
	}
	if err := checkConstants(values); err != nil {
		return err
	}
	initiation, given := values[idInitiation]
	if given && initiation != reusable && initiation != usedOnce {
		return fault.Invalid(fieldInitiation, "The point of initiation must be 11 or 12.")
	}
	c.Once = initiation == usedOnce
	if c.CategoryCode = values[idCategory]; !isDigits(c.CategoryCode, len(noCategory)) {
		return fault.Invalid(fieldCategory, "The category code must be four digits.")
	}
	if c.CategoryCode == noCategory {
		c.CategoryCode = ""
	}
	c.Name, c.City = values[idName], values[idCity]
	if err := c.takeAmount(values); err != nil {
		return err
	}
	if err := c.takeAccount(elements); err != nil {
		return err
	}
	return c.takeTxID(values[idAdditional])
}

// checkConstants checks the fields that have one value in every code.
func checkConstants(values map[string]string) error {
	switch {
	case values[idFormat] != format:
		return fault.Invalid(fieldFormat, "The payload format must be 01.")
	case values[idCurrency] != realNumber:
		return fault.Invalid(fieldCurrency, "The currency must be 986, which is the Brazilian real.")
	case values[idCountry] != country:
		return fault.Invalid(fieldCountry, "The country must be BR.")
	}
	return nil
}

// takeAmount reads an amount such as 10, 10.5 or 10.50.
func (c *Code) takeAmount(values map[string]string) error {
	text, given := values[idAmount]
	if !given {
		return nil
	}
	refused := fault.Invalid(fieldAmount, "The amount must be 0.01 to 9999999999.99, digits with at most two places behind a point.")
	whole, fraction, point := strings.Cut(text, ".")
	if len(text) > maxAmount || !isDigits(whole, max(1, len(whole))) || point && fraction == "" || len(fraction) > 2 || !isDigits(fraction, len(fraction)) {
		return refused
	}
	minor, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil || minor == 0 || minor > MaxMinor {
		return refused
	}
	c.AmountMinor = minor
	return nil
}

// takeAccount reads who gets the money: the one account of Pix. Others are of other ways to pay.
func (c *Code) takeAccount(elements []element) error {
	found := false
	for _, e := range elements {
		if e.id < idFirstAccount || e.id > idLastAccount {
			continue
		}
		parts, err := split(fieldAccount, e.value)
		if err != nil {
			return err
		}
		if parts[0].id != idDomain || !strings.EqualFold(parts[0].value, domain) {
			continue
		}
		if found {
			return fault.Invalid(fieldAccount, "The code names two accounts of Pix.")
		}
		found = true
		c.takeParts(parts[1:])
	}
	if !found {
		return fault.Invalid(fieldAccount, "The code names no account of Pix.")
	}
	return nil
}

func (c *Code) takeParts(parts []element) {
	for _, part := range parts {
		switch part.id {
		case idKey:
			c.Key = part.value
		case idDescription:
			c.Description = part.value
		case idURL:
			c.URL = part.value
		}
	}
}

// takeTxID reads the receiver's own word out of the additional data.
func (c *Code) takeTxID(additional string) error {
	if additional == "" {
		return fault.Invalid(fieldTxID, "The code has no field for it; a code without one has *** there.")
	}
	parts, err := split(fieldAdditional, additional)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.id != idTxID {
			continue
		}
		if part.value != withoutTxID {
			c.TxID = part.value
		}
		return nil
	}
	return fault.Invalid(fieldTxID, "The code has no field for it; a code without one has *** there.")
}
