"""Signed bundles of signature files: made, signed and verified, without any I/O.

What is signed, and how, is DSSE's (Dead Simple Signing Envelope 1.0, github.com/secure-systems-lab/dsse);
what a bundle must say of itself to be worth trusting is The Update Framework's (TUF 1.0.33): several signers,
versions that only go up, an end to each.
"""
