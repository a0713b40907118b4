"""The public `genkit eval`: metrics, each with the protocol it was measured by."""
