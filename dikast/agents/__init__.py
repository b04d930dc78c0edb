"""Who speaks: roles, prompts, and the one place where roles talk to models (`dikast.agents.ask`)."""
