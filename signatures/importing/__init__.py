"""What others write to find things by, made into signatures: rules, lists of words, indicators."""
