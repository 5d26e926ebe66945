module codebank.dev/connectors

go 1.26

require codebank.dev/schemas v0.0.0

replace codebank.dev/schemas => ../schemas
