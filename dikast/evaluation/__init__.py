"""How good an answer, a judge or a metric is: metrics, agreement, calibration, refusal, and other tools' files."""
