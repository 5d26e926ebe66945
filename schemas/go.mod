module codebank.dev/schemas

go 1.26
