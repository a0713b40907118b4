genkit  JH EH1 N K IH2 T
